//! Every way in which a handler can fail: it is told apart, it is told where, and the next call works.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use symbot::policy::types::{FailureKind, HandlerFailure, Host, HostError};

use crate::support::{
    NOTIFICATIONS, PERMISSIONS, call, failure, next_call_works, permissions_after,
};

/// Long enough for a busy machine to start the handler, short enough for the tests.
const SHORT_MILLISECONDS: u64 = 1_000;

fn stopped(body: &str) {
    let failure = call(&permissions_after(body), PERMISSIONS)
        .within(SHORT_MILLISECONDS)
        .run()
        .expect_err("this should not end");
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    assert!(
        failure.message.contains("did not finish within 1 s"),
        "{failure}"
    );
    assert_eq!(failure.file.as_deref(), Some("impl.py"));
    next_call_works();
}

/// Python notices, or the process dies of it, or it takes too long: all three are fine, anything else is not.
fn contained(body: &str) {
    let failure = call(&permissions_after(body), PERMISSIONS)
        .within(5_000)
        .run()
        .expect_err("this should fail");
    let python = matches!(
        failure.exception.as_deref(),
        Some("MemoryError" | "RecursionError" | "OverflowError" | "ValueError" | "PanicException")
    );
    assert!(
        python || matches!(failure.kind, FailureKind::Died | FailureKind::Timeout),
        "{failure:?}"
    );
    next_call_works();
}

#[test]
fn an_exception_is_told_with_class_message_file_line_and_traceback() {
    let failure = failure("limits = {}\nlimits['prod']");
    assert_eq!(failure.kind, FailureKind::Exception);
    assert_eq!(failure.handler.as_deref(), Some(PERMISSIONS));
    assert_eq!(failure.exception.as_deref(), Some("KeyError"));
    assert_eq!(failure.file.as_deref(), Some("impl.py"));
    assert_eq!(failure.line, Some(7));
    assert_eq!(
        failure.to_string(),
        "impl.py:7: get_permissions: KeyError: 'prod'"
    );
    let traceback = failure.traceback.unwrap();
    assert!(
        traceback.contains("File \"impl.py\", line 7, in get_permissions"),
        "{traceback}"
    );
    assert!(
        traceback.contains("limits['prod']"),
        "the source line is shown:\n{traceback}"
    );
    assert!(
        !traceback.contains("_symbot"),
        "our own frames are left out:\n{traceback}"
    );
}

#[test]
fn the_line_is_that_of_the_file_also_when_the_sdk_raises() {
    let failure =
        failure("from sym.sdk.notifications import Notification\nNotification(destinations=[])");
    assert_eq!(failure.line, Some(7));
    assert_eq!(failure.exception.as_deref(), Some("ValidationError"));
}

#[test]
fn what_was_printed_before_a_failure_is_kept() {
    let failure = failure("print('checking', event.user.email)\nraise RuntimeError('no')");
    assert_eq!(failure.printed, "checking alice@example.com\n");
}

#[test]
fn a_module_that_raises_fails_without_a_handler() {
    let failure = call("import json\nTEAMS = json.loads('nonsense')\n", PERMISSIONS)
        .run()
        .expect_err("the module raises");
    assert_eq!(failure.kind, FailureKind::Exception);
    assert_eq!(failure.handler, None);
    assert_eq!(failure.line, Some(2));
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    let failure = call("def get_permissions(event)\n    pass\n", PERMISSIONS)
        .run()
        .expect_err("this does not compile");
    assert_eq!(failure.kind, FailureKind::Syntax);
    assert_eq!(failure.line, Some(1));
    assert!(failure.message.contains("expected ':'"), "{failure}");
}

#[test]
fn an_exception_that_cannot_be_printed_is_still_told() {
    let failure = failure(
        "class Odd(Exception):\n    def __str__(self):\n        raise SystemExit\nraise Odd()",
    );
    assert_eq!(failure.exception.as_deref(), Some("Odd"));
    next_call_works();
}

#[test]
fn exits_and_interrupts_are_failures_of_the_handler() {
    for (body, class) in [
        ("raise SystemExit(0)", "SystemExit"),
        ("exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
    ] {
        let failure = failure(body);
        assert_eq!(failure.kind, FailureKind::Exception, "{body}");
        assert!(
            failure.exception.as_deref() == Some(class)
                || failure.exception.as_deref() == Some("NameError"),
            "{body}: {failure}"
        );
    }
    next_call_works();
}

#[test]
fn an_endless_loop_is_stopped() {
    stopped("while True:\n    pass");
}

#[test]
fn an_endless_loop_that_catches_everything_is_stopped() {
    stopped(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    );
}

#[test]
fn sleeping_is_stopped() {
    stopped("import time\ntime.sleep(1000)");
}

#[test]
fn an_enormous_power_is_stopped() {
    contained("10 ** 10 ** 8");
}

#[test]
fn a_catastrophic_pattern_is_stopped() {
    stopped("import re\nre.match('(a+)+$', 'a' * 60 + '!')");
}

#[test]
fn a_long_native_loop_is_stopped() {
    stopped("sum(range(10 ** 12))");
}

#[test]
fn a_loop_at_module_level_is_stopped() {
    let failure = call("\nwhile True:\n    pass\n", PERMISSIONS)
        .within(SHORT_MILLISECONDS)
        .run()
        .expect_err("this should not end");
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.handler, None);
    assert!(matches!(failure.line, Some(2 | 3)), "{failure}");
    next_call_works();
}

/// How a file fails whose second handler runs these lines, from line 11 on, after both have printed.
fn late_in_the_second(body: &str) -> HandlerFailure {
    let mut source = String::from(
        "from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack
from sym.sdk.request_permission import RequestPermission
@reducer
def get_permissions(event):
    print('first')
    return RequestPermission(webapp_view='admin', approve_deny='member')
@reducer
def get_request_notifications(event):
    print('second')
",
    );
    for line in body.lines() {
        source.push_str("    ");
        source.push_str(line);
        source.push('\n');
    }
    call(&source, PERMISSIONS)
        .and(NOTIFICATIONS)
        .within(3_000)
        .host(Arc::new(Silent))
        .run()
        .expect_err("this should not end")
}

/// A host that never answers.
struct Silent;

impl Host for Silent {
    fn call<'a>(
        &'a self,
        _: &'a str,
        _: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Result<Value, HostError>> + Send + 'a>> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_handler_that_is_late_is_told_with_its_line_and_what_was_printed() {
    for (body, lines) in [
        ("while True: pass", 11..=11),
        ("import time\ntime.sleep(1000)", 12..=12),
        ("slack.user('alice@example.com')", 11..=11),
        (
            "def turn():\n    while True:\n        try: raise KeyError\n        except BaseException as error: last = error\nturn()",
            // The line of the function where the instruction has none.
            11..=14,
        ),
    ] {
        let failure = late_in_the_second(body);
        assert_eq!(failure.kind, FailureKind::Timeout, "{body}: {failure}");
        assert_eq!(failure.handler.as_deref(), Some(NOTIFICATIONS), "{body}");
        assert_eq!(failure.file.as_deref(), Some("impl.py"));
        let line = failure.line.expect("a line");
        assert!(lines.contains(&line), "{body}: {failure}");
        assert_eq!(failure.printed, "first\nsecond\n", "{body}");
    }
    next_call_works();
}

#[test]
fn of_native_code_that_is_late_the_handler_is_known() {
    let failure = late_in_the_second("import re; re.match('(a+)+$', 'a' * 60 + '!')");
    assert_eq!(failure.handler.as_deref(), Some(NOTIFICATIONS));
    // Where that begins.
    assert_eq!(failure.line, Some(9));
}

#[test]
fn each_handler_has_its_own_time() {
    let sleeps = "import time\n\
        from sym.sdk.annotations import hook, reducer\nfrom sym.sdk.request_permission import RequestPermission\n\
        @hook\ndef on_request(event):\n    time.sleep(1.2)\n\
        @reducer\ndef get_permissions(event):\n    time.sleep(1.2)\n    \
        return RequestPermission(webapp_view='admin', approve_deny='member')\n";
    let answer = call(sleeps, "on_request")
        .and(PERMISSIONS)
        .within(2_000)
        .run()
        .unwrap();
    assert!(answer.permissions.is_some());
    let failure = call(sleeps, "on_request")
        .and(PERMISSIONS)
        .within(1_000)
        .run()
        .expect_err("too long for one");
    assert_eq!(failure.handler.as_deref(), Some("on_request"), "{failure}");
}

#[test]
fn code_does_not_notice_that_it_was_looked_at() {
    // The look is a second before the deadline; this ends between the two.
    let looks = "import time\nfor _ in range(42):\n    try:\n        time.sleep(0.1)\n    except BaseException as error:\n        print(type(error))";
    let answer = call(&permissions_after(looks), PERMISSIONS)
        .within(5_000)
        .run()
        .unwrap();
    assert_eq!(answer.printed, "");
    next_call_works();
}

#[test]
fn growing_memory_ends_the_worker_and_not_the_bot() {
    contained("blocks = []\nwhile True:\n    blocks.append('x' * 10_000_000)");
    contained("'x' * 2 ** 40");
    contained("[0] * 10 ** 11");
    contained("bytearray(10 ** 12)");
}

#[test]
fn deep_recursion_is_a_recursion_error() {
    let failure = failure("def down(n):\n    return down(n + 1)\ndown(0)");
    assert_eq!(
        failure.exception.as_deref(),
        Some("RecursionError"),
        "{failure}"
    );
    next_call_works();
}

#[test]
fn deep_recursion_in_native_code_is_contained() {
    // Python may manage, give up with an exception, or lose its process: the bot and the next call must not notice.
    for body in [
        "nested = []\nfor _ in range(200_000):\n    nested = [nested]\nrepr(nested)",
        "import json\njson.loads('[' * 200_000)",
        "nested = ()\nfor _ in range(200_000):\n    nested = (nested,)\nhash(nested)",
        "import re\nre.compile('(' * 50_000)",
        "eval('(' * 50_000 + ')' * 50_000)",
    ] {
        if let Err(failure) = call(&permissions_after(body), PERMISSIONS).run() {
            assert_ne!(
                failure.kind,
                FailureKind::Unavailable,
                "{body}: {failure:?}"
            );
        }
        next_call_works();
    }
}

#[test]
fn a_file_with_twelve_thousand_branches_compiles_or_fails_cleanly() {
    let mut source = String::from("x = 1\nif x == 0:\n    pass\n");
    for _ in 0..12_000 {
        source.push_str("elif x==2:\n pass\n");
    }
    let result = call(&source, PERMISSIONS).run();
    if let Err(failure) = result {
        assert!(
            matches!(
                failure.kind,
                FailureKind::Syntax | FailureKind::Died | FailureKind::Exception
            ),
            "{failure:?}"
        );
    }
    let nested = format!("x = {}1\n", "-".repeat(50_000));
    if let Err(failure) = call(&nested, PERMISSIONS).run() {
        assert!(
            matches!(
                failure.kind,
                FailureKind::Syntax | FailureKind::Died | FailureKind::Exception
            ),
            "{failure:?}"
        );
    }
    next_call_works();
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let source = format!("# {}\n", "x".repeat(300_000));
    let failure = call(&source, PERMISSIONS).run().expect_err("too large");
    assert_eq!(failure.kind, FailureKind::Syntax);
    assert!(failure.message.contains("262144"), "{failure}");
}

#[test]
fn output_is_cut_at_a_stated_size() {
    let answer = call(
        &permissions_after("for n in range(100_000):\n    print('line', n)"),
        PERMISSIONS,
    )
    .run()
    .unwrap();
    assert!(answer.printed.len() < 17_000, "{}", answer.printed.len());
    assert!(answer.printed.starts_with("line 0\nline 1\n"));
    assert!(answer.printed.ends_with("[cut]\n"));
}

#[test]
fn a_giant_result_is_refused() {
    let source = "from sym.sdk.annotations import hook\nfrom sym.sdk.templates import ApprovalTemplate\n\
                  @hook\ndef on_request(event):\n    return ApprovalTemplate.approve(reason='x' * 10_000_000)\n";
    let failure = call(source, "on_request").run().expect_err("too large");
    assert_eq!(failure.kind, FailureKind::WrongResult);
    assert!(failure.message.contains("larger than"), "{failure}");
    next_call_works();
}

#[test]
fn a_wrong_result_names_handler_value_and_expectation() {
    let source = |result: &str| {
        format!(
            "from sym.sdk.annotations import reducer\nfrom sym.sdk.notifications import Notification\n\
             @reducer\ndef get_permissions(event):\n    return {result}\n\
             @reducer\ndef get_request_notifications(event):\n    return {result}\n"
        )
    };
    for (handler, result, message) in [
        (
            PERMISSIONS,
            "None",
            "returned None, expected a RequestPermission",
        ),
        (
            PERMISSIONS,
            "{'a': 1}",
            "returned {'a': 1} of class dict, expected a RequestPermission",
        ),
        (
            PERMISSIONS,
            "True",
            "returned True of class bool, expected a RequestPermission",
        ),
        (
            NOTIFICATIONS,
            "'#general'",
            "returned the text \"#general\", expected a list of Notification",
        ),
        (
            NOTIFICATIONS,
            "[slack.channel('#a')]",
            "returned a list whose item 0 is a destination, expected a Notification",
        ),
        (
            NOTIFICATIONS,
            "event.user",
            "returned a User, expected a list of Notification",
        ),
    ] {
        let failure = call(&source(result), handler).run().expect_err(result);
        assert_eq!(failure.kind, FailureKind::WrongResult, "{result}");
        assert_eq!(failure.handler.as_deref(), Some(handler));
        assert_eq!(failure.message, message);
        // Where the handler begins, and what Python would call it.
        let line = if handler == PERMISSIONS { 4 } else { 7 };
        assert_eq!(failure.line, Some(line), "{result}");
        assert_eq!(failure.exception_name(), Some("TypeError"));
    }
}

#[test]
fn a_result_that_cannot_be_handed_over_names_its_handler() {
    let source = "from sym.sdk.annotations import reducer\nfrom sym.sdk.integrations import slack\n\
                  from sym.sdk.notifications import Notification\n\
                  from sym.sdk.request_permission import RequestPermission\n\
                  @reducer\ndef get_permissions(event):\n    return RequestPermission(webapp_view='admin', approve_deny='member')\n\
                  @reducer\ndef get_request_notifications(event):\n    return [Notification(destinations=[slack.channel('#a')], timeout=10**30)]\n";
    let failure = call(source, PERMISSIONS)
        .and(NOTIFICATIONS)
        .run()
        .unwrap_err();
    assert_eq!(failure.handler.as_deref(), Some(NOTIFICATIONS), "{failure}");
    assert_eq!(failure.line, Some(9), "{failure}");
}

#[test]
fn values_spoiled_after_validation_are_refused() {
    let spoiled = |lines: &str| {
        let source = format!(
            "from sym.sdk.annotations import reducer\nfrom sym.sdk.request_permission import RequestPermission\n\
             @reducer\ndef get_permissions(event):\n    p = RequestPermission(webapp_view='admin', approve_deny='member')\n    {lines}\n    return p\n"
        );
        call(&source, PERMISSIONS).run().expect_err(lines)
    };
    for line in [
        "p.approve_deny = []",
        "p.approve_deny = ['alice@example.com']",
        "p.approve_deny = 'everybody'",
        "p.approve_deny = None",
        "p.allow_self_approval = 'yes'",
        "p.__dict__.clear()",
    ] {
        let failure = spoiled(line);
        assert!(
            matches!(
                failure.kind,
                FailureKind::WrongResult | FailureKind::Exception
            ),
            "{line}: {failure:?}"
        );
    }
}

#[test]
fn nothing_an_empty_list_and_a_single_notification_are_lists() {
    let source = |result: &str| {
        format!(
            "from sym.sdk.annotations import reducer\nfrom sym.sdk.notifications import Notification\n\
             from sym.sdk.integrations import slack\n\
             @reducer\ndef get_request_notifications(event):\n    return {result}\n"
        )
    };
    for (result, count) in [
        ("None", 0),
        ("[]", 0),
        ("Notification(destinations=[slack.channel('#a')])", 1),
        ("(Notification(destinations=[slack.channel('#a')]),)", 1),
    ] {
        let answer = call(&source(result), NOTIFICATIONS).run().unwrap();
        assert_eq!(
            answer.notifications.map(|list| list.len()),
            Some(count),
            "{result}"
        );
    }
}

#[test]
fn a_handler_that_is_not_there_has_no_result() {
    let answer = call("x = 1\n", PERMISSIONS)
        .and(NOTIFICATIONS)
        .run()
        .unwrap();
    assert_eq!(answer.permissions, None);
    assert_eq!(answer.notifications, None);
    let undecorated = "def get_permissions(event):\n    raise RuntimeError('called')\n";
    let answer = call(undecorated, PERMISSIONS).run().unwrap();
    assert_eq!(
        answer.permissions, None,
        "without decorator it is not a handler"
    );
}

#[test]
fn a_host_error_has_the_class_that_flows_catch() {
    let answer = call(
        &permissions_after(
            "from sym.sdk.exceptions import SlackError, SymException\nfrom sym.sdk.integrations import slack\n\
             try:\n    slack.user('nobody@example.com')\nexcept SlackError as error:\n    print(error.error_code, isinstance(error, SymException))",
        ),
        PERMISSIONS,
    )
    .run()
    .unwrap();
    assert_eq!(answer.printed, "Slack:USER_NOT_FOUND True\n");
}

#[test]
fn a_flood_of_host_calls_is_cut_off() {
    let failure = failure("for _ in range(100_000):\n    user(id='x')");
    assert!(failure.message.contains("host calls"), "{failure}");
    next_call_works();
}
