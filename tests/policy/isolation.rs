//! One request does not see what another left behind.

use crate::support::{PERMISSIONS, POOL, RUNTIME, call, config, permissions_after};
use std::time::Duration;
use symbot::policy::pool::Pool;

/// One worker, so that both calls meet the same process if it is used again.
fn one_worker() -> Pool {
    RUNTIME.block_on(async {
        let mut config = config(1);
        config.spares = 0;
        let pool = Pool::start(config);
        pool.wait_ready(Duration::from_secs(60)).await.unwrap();
        pool
    })
}

fn left_behind(change: &str, look: &str, expected: &str) {
    let pool = one_worker();
    // The change itself may be refused: then there is nothing to leave behind.
    let _ = call(&permissions_after(change), PERMISSIONS).run_in(&pool);
    let answer = call(&permissions_after(look), PERMISSIONS)
        .run_in(&pool)
        .unwrap();
    assert_eq!(answer.printed, expected, "after: {change}");
    RUNTIME.block_on(pool.shutdown());
}

#[test]
fn globals_are_gone() {
    left_behind(
        "global leak\nleak = 1",
        "print('leak' in globals())",
        "False\n",
    );
}

#[test]
fn builtins_are_as_before() {
    left_behind(
        "__builtins__['len'] = lambda x: 42",
        "print(len([]))",
        "0\n",
    );
    left_behind(
        "import enum\nenum.sys.modules['builtins'].len = lambda x: 42",
        "print(len([]))",
        "0\n",
    );
}

#[test]
fn attributes_of_modules_are_as_before() {
    left_behind(
        "import json\njson.dumps = lambda *a, **k: 'owned'\njson.extra = 1",
        "import json\nprint(json.dumps(1), hasattr(json, 'extra'))",
        "1 False\n",
    );
    left_behind(
        "from sym.sdk.integrations import slack\nslack.channel = None",
        "from sym.sdk.integrations import slack\nprint(slack.channel('#a'))",
        "SlackChannelName '#a'\n",
    );
    left_behind(
        "import decimal\ndecimal.Decimal = int",
        "import decimal\nprint(decimal.Decimal('1.5'))",
        "1.5\n",
    );
}

#[test]
fn the_module_table_is_as_before() {
    left_behind(
        "import enum\nmodules = enum.sys.modules\nmodules['json'] = None\nmodules['evil'] = 1",
        "import json, enum\nprint(json.dumps(1), 'evil' in enum.sys.modules)",
        "1 False\n",
    );
    left_behind(
        "import enum, types\nfake = types.ModuleType('statistics')\nfake.mean = lambda x: 'owned'\nenum.sys.modules['statistics'] = fake\nimport statistics",
        "import statistics\nprint(statistics.mean([1, 3]))",
        "2\n",
    );
}

#[test]
fn classes_of_the_sdk_are_as_before() {
    left_behind(
        "from sym.sdk.request_permission import RequestPermission as P\nP.__repr__ = lambda self: 'owned'",
        "from sym.sdk.request_permission import RequestPermission as P\nprint(repr(P(webapp_view='admin', approve_deny='admin'))[:17])",
        "RequestPermission\n",
    );
    left_behind(
        "type(event.user).email = 'mallory@example.com'",
        "print(event.user.email)",
        "alice@example.com\n",
    );
}

#[test]
fn functions_of_the_sdk_are_as_before() {
    left_behind(
        "from sym.sdk.integrations import slack\nslack.channel.__defaults__ = (True, 5)",
        "from sym.sdk.integrations import slack\nprint(slack.channel('#a').timeout)",
        "None\n",
    );
    left_behind(
        "from sym.sdk.integrations import slack\nslack.channel.__code__ = (lambda name, a=0, b=0: 'owned').__code__",
        "from sym.sdk.integrations import slack\nprint(slack.channel('#a'))",
        "SlackChannelName '#a'\n",
    );
}

#[test]
fn containers_of_the_sdk_are_as_before() {
    left_behind(
        "from sym.sdk.request_permission import RequestPermission as P\nP.__fields__.clear()",
        "from sym.sdk.request_permission import RequestPermission as P\nprint(len(P.__fields__))",
        "3\n",
    );
}

#[test]
fn finalizers_of_one_request_do_not_run_in_the_next() {
    left_behind(
        "class Late:\n    def __del__(self):\n        print('late')\nx = Late()\nx.me = x",
        "import enum\nx = [[] for _ in range(20_000)]\nprint('done')",
        "done\n",
    );
}

#[test]
fn the_decimal_context_is_as_before() {
    left_behind(
        "import decimal\ndecimal.getcontext().prec = 2",
        "import decimal\nprint(decimal.getcontext().prec)",
        "28\n",
    );
}

#[test]
fn the_recursion_limit_and_the_output_are_as_before() {
    left_behind(
        "import enum\nenum.sys.setrecursionlimit(50)\nenum.sys.stdout = None",
        "def down(n):\n    return n and down(n - 1)\ndown(200)\nprint('ok')",
        "ok\n",
    );
}

#[test]
fn a_clean_worker_is_used_again() {
    let pool = one_worker();
    let before = pool.idle_process_ids();
    for _ in 0..5 {
        call(
            &permissions_after("import re, statistics\nprint(1)"),
            PERMISSIONS,
        )
        .run_in(&pool)
        .unwrap();
    }
    RUNTIME.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    assert_eq!(pool.idle_process_ids(), before);
    RUNTIME.block_on(pool.shutdown());
}

#[test]
fn the_event_cannot_be_changed() {
    for line in [
        "event.user = None",
        "event.payload.user = None",
        "event.run.source_channel.identifier = '#x'",
        "event.user.email = 'x'",
        "del event.flow",
        "event.new = 1",
    ] {
        let failure = call(&permissions_after(line), PERMISSIONS)
            .run()
            .expect_err(line);
        assert_eq!(
            failure.exception.as_deref(),
            Some("AttributeError"),
            "{line}: {failure}"
        );
    }
}

#[test]
fn each_handler_gets_a_fresh_event() {
    let source = "from sym.sdk.annotations import reducer\nfrom sym.sdk.request_permission import RequestPermission\n\
                  @reducer\ndef get_permissions(event):\n    event.payload.fields['x'] = 1\n    event.flow.vars.clear()\n    return RequestPermission(webapp_view='admin', approve_deny='admin')\n\
                  @reducer\ndef get_request_notifications(event):\n    print(event.payload.fields, sorted(event.flow.vars))\n";
    let answer = call(source, PERMISSIONS)
        .and("get_request_notifications")
        .run_in(&POOL)
        .unwrap();
    assert_eq!(
        answer.printed,
        "{} ['emergency_channel', 'request_channel']\n"
    );
}

#[test]
fn objects_deep_inside_the_sdk_and_json_are_as_before() {
    left_behind(
        "from sym.sdk.request_permission import RequestPermission as P\nP.__fields__['approve_deny'].pre.clear()",
        "from sym.sdk.request_permission import RequestPermission as P\ntry:\n    P(webapp_view='admin', approve_deny=[])\nexcept ValueError:\n    print('refused')",
        "refused\n",
    );
    left_behind(
        "import json\njson._default_encoder.encode = lambda value: 'owned'",
        "import json\nprint(json.dumps(1.5))",
        "1.5\n",
    );
    left_behind(
        "import re\nclass Evil:\n    def match(self, text):\n        return 'owned'\nre._cache[str, 'abc', 0] = Evil()\nre._cache2[str, 'abc', 0] = Evil()",
        "import re\nprint(re.match('abc', 'x'))",
        "None\n",
    );
    left_behind(
        "from sym.sdk.integrations import slack\nslack.fallback.__kwdefaults__['continue_on_timeout'] = True",
        "from sym.sdk.integrations import slack\nprint(slack.fallback().continue_on_timeout)",
        "False\n",
    );
}
