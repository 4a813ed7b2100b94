//! One request does not see what another left behind.

use symbot::policy::pool::Pool;

use crate::support::{
    NOTIFICATIONS, PERMISSIONS, POOL, RUNTIME, call, idle_again, one_worker, permissions_after,
    with_field,
};

/// The change goes through, and the next call does not see it.
fn left_behind(change: &str, look: &str, expected: &str) {
    left_behind_by(change, None, look, expected);
}

/// The change ends with this exception, or goes through, and the next call sees nothing of it.
fn left_behind_by(change: &str, exception: Option<&str>, look: &str, expected: &str) {
    let pool = one_worker();
    let changed = call(&permissions_after(change), PERMISSIONS).run_in(&pool);
    match (changed, exception) {
        (Ok(_), None) => {}
        (Ok(_), Some(_)) => panic!("it went through: {change}"),
        (Err(failure), _) => assert_eq!(
            failure.exception.as_deref(),
            exception,
            "{change}: {failure}"
        ),
    }
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
fn names_of_classes_are_as_before() {
    for name in ["__name__", "__qualname__"] {
        left_behind(
            &format!(
                "from sym.sdk.request_permission import RequestPermission as P\nP.{name} = 'owned'"
            ),
            &format!(
                "from sym.sdk.request_permission import RequestPermission as P\nprint(P.{name})"
            ),
            "RequestPermission\n",
        );
    }
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
    left_behind_by(
        "from sym.sdk.request_permission import RequestPermission as P\nP.__fields__.clear()",
        Some("AttributeError"),
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

/// The call leaves the worker as it was. Where the machine is busy with other things, a call may take so long that its worker is
/// replaced for that; so it may try again.
fn keeps_its_worker(pool: &Pool, what: &str, run: impl Fn()) {
    for _ in 0..5 {
        let before = pool.idle_process_ids();
        run();
        idle_again(pool);
        if pool.idle_process_ids() == before {
            return;
        }
    }
    panic!("costs a worker each time: {what}");
}

#[test]
fn a_clean_worker_is_used_again() {
    let pool = one_worker();
    let source = permissions_after("import re, statistics\nprint(1)");
    for _ in 0..5 {
        keeps_its_worker(&pool, &source, || {
            call(&source, PERMISSIONS).run_in(&pool).unwrap();
        });
    }
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

/// One test for each way to leave something behind; a change that is refused, or that its own call does not survive, says how.
macro_rules! nothing_is_left_behind {
    ($($name:ident: $change:literal $(ends with $exception:literal)? => $look:literal, $expected:literal;)*) => {
        mod nothing_is_left_behind {
            $(#[test]
            fn $name() {
                let exception = None $(.or(Some($exception)))?;
                super::left_behind_by($change, exception, $look, $expected);
            })*
        }
    };
}

nothing_is_left_behind! {
    in_the_code_of_re_match:
        "import re\nre.match.__code__ = (lambda pattern, string, flags=0: 'owned').__code__"
        => "import re\nprint(re.match('a', 'b'))", "None\n";
    in_the_cache_of_re_templates:
        "import re\nre._compile_template.__wrapped__.__code__ = (lambda a, b: 'owned').__code__\nre.sub('a', r'\\1', 'b')"
        ends with "RuntimeError"
        => "import re\nprint(re.sub('(a)', r'<\\1>', 'a'))", "<a>\n";
    in_the_code_of_ipaddress:
        "import ipaddress\nipaddress.ip_address.__code__ = (lambda address: 'owned').__code__"
        => "import ipaddress\nprint(ipaddress.ip_address('10.0.0.1'))", "10.0.0.1\n";
    in_the_methods_of_ip_networks:
        "import ipaddress\nipaddress._BaseNetwork.__contains__.__code__ = (lambda self, other: True).__code__"
        => "import ipaddress\nprint(ipaddress.ip_address('10.0.0.1') in ipaddress.ip_network('192.168.0.0/16'))", "False\n";
    in_the_code_of_urlparse:
        "import urllib.parse\nurllib.parse.urlparse.__code__ = (lambda url, scheme='', allow_fragments=True: 'owned').__code__"
        => "from urllib.parse import urlparse\nprint(urlparse('https://example.com/a').netloc)", "example.com\n";
    in_the_defaults_of_urlencode:
        "import urllib.parse\nurllib.parse.quote.__defaults__ = ('/', None, None)\nurllib.parse.uses_netloc.clear()"
        => "import urllib.parse\nprint(urllib.parse.urljoin('https://a/b', 'c'))", "https://a/c\n";
    in_the_handlers_of_logging:
        "import logging\nclass Evil(logging.Handler):\n    def emit(self, record):\n        print('owned')\nlogging.root.handlers.append(Evil())\nlogging.root.setLevel(1)"
        => "import logging\nprint(logging.root.handlers, logging.root.level)\nlogging.getLogger('x').debug('x')", "[] 30\n";
    in_the_loggers_of_logging:
        "import logging\nlogging.getLogger('app').addFilter(lambda record: print('owned'))"
        => "import logging\nprint(logging.getLogger('app').filters, len(logging.root.manager.loggerDict))", "[] 1\n";
    in_the_classes_of_datetime:
        "import datetime\ntry:\n    datetime.datetime.owned = 1\nexcept TypeError:\n    pass\ndatetime.datetime = None"
        => "import datetime\nprint(hasattr(datetime.datetime, 'owned'), datetime.datetime(2026, 1, 2))", "False 2026-01-02 00:00:00\n";
    in_the_encoder_of_json:
        "import json\njson.encoder.JSONEncoder.encode.__code__ = (lambda self, o: 'owned').__code__\njson.encoder.ESCAPE_DCT['a'] = 'b'"
        => "import json\nprint(json.dumps({'a': 1}), len(json.encoder.ESCAPE_DCT))", "{\"a\": 1} 34\n";
    in_the_default_encoder_of_json:
        "import json\njson._default_encoder.default = lambda value: 'owned'"
        => "import json\ntry:\n    json.dumps(object())\nexcept TypeError:\n    print('refused')", "refused\n";
    in_builtins:
        "import enum\nb = enum.sys.modules['builtins']\nb.isinstance = lambda *a: True\nb.owned = 1"
        => "import enum\nprint(isinstance(1, str), hasattr(enum.sys.modules['builtins'], 'owned'))", "False False\n";
    in_the_module_table_below_a_package:
        "import enum\nimport urllib.parse\nenum.sys.modules['urllib.parse'] = enum"
        => "import urllib.parse\nprint(urllib.parse.quote('a b'))", "a%20b\n";
    in_a_module_that_was_loaded_while_others_were_changed:
        "import functools, enum\nreal = functools.total_ordering\nfunctools.total_ordering = lambda cls: setattr(cls, 'owned', 1) or cls\n__import__('ip' + 'address')\nfunctools.total_ordering = real"
        => "import ipaddress\nprint(hasattr(ipaddress.IPv4Address, 'owned'), hasattr(ipaddress._IPAddressBase, 'owned'))", "False False\n";
    in_the_stub_of_os:
        "import random\nrandom._os.environ['OWNED'] = '1'\nrandom._os.getenv.__code__ = (lambda key, default=None: 'owned').__code__"
        => "import random\nprint(random._os.environ, random._os.getenv('HOME'))", "{} None\n";
    in_the_caches_of_typing:
        "import typing\nfor clear in typing._cleanups:\n    pass\ntyping._SpecialForm.__repr__ = lambda self: 'owned'"
        => "import typing\nprint(typing.Any, typing.Union)", "typing.Any <class 'typing.Union'>\n";
    in_the_cleanups_of_typing:
        "import typing\ntyping._cleanups.append(lambda: print('owned'))"
        => "import typing\nprint(any(one.__module__ == 'impl' for one in typing._cleanups if hasattr(one, '__module__')))", "False\n";
    in_the_metaclass_of_enum:
        "import enum\nenum.EnumType.__getitem__.__code__ = (lambda cls, name: 'owned').__code__"
        => "from sym.sdk import PermissionLevel\nprint(PermissionLevel['ADMIN'] is PermissionLevel.ADMIN)", "True\n";
    in_the_members_of_an_enum:
        "from sym.sdk import PermissionLevel as P\nP._value2member_map_['member'] = P.ADMIN\nP._member_map_.clear()"
        ends with "ValidationError"
        => "from sym.sdk import PermissionLevel as P\nprint(P('member').value, len(P))", "member 3\n";
    in_what_abstract_classes_accept:
        "import numbers\nnumbers.Number.register(str)"
        => "import numbers\nprint(isinstance('x', numbers.Number))", "False\n";
    in_what_abstract_classes_remember:
        "from collections.abc import Mapping\nclass Evil(Mapping):\n    @classmethod\n    def __subclasshook__(cls, other):\n        return True\nprint(isinstance(1, Mapping))"
        => "from collections.abc import Mapping\nprint(isinstance(1, Mapping))", "False\n";
    in_the_codecs_of_the_interpreter:
        "import enum\nfake = type(enum)('encodings.owned')\ncodecs = enum.sys.modules['codecs']\nfake.getregentry = lambda: codecs.CodecInfo(lambda text, errors='strict': (b'owned', 1), lambda data, errors='strict': ('owned', 1), name='owned')\nenum.sys.modules['encodings.owned'] = fake\nprint('x'.encode('owned'))"
        => "try:\n    print('x'.encode('owned'))\nexcept LookupError:\n    print('unknown')", "unknown\n";
    in_the_filters_of_warnings:
        "import warnings\nwarnings.filters.insert(0, ('error', None, Warning, None, 0))\nwarnings.showwarning = lambda *a, **k: print('owned')"
        => "import warnings\nprint(warnings.filters[0][0] == 'error')\nwarnings.warn('x', UserWarning)\nprint('ok')", "False\nimpl.py:8: UserWarning: x\nok\n";
    in_a_property_of_the_library:
        "import ipaddress\nipaddress.IPv4Address.is_private.__init__(lambda self: 'owned')"
        => "import ipaddress\nprint(ipaddress.IPv4Address('8.8.8.8').is_private)", "False\n";
    in_closures_of_decorated_functions:
        "from sym.sdk.integrations import slack\nimport contextlib\nf = contextlib.suppress.__exit__\ncontextlib.contextmanager.__defaults__ = None\nfor cell in contextlib.contextmanager(print).__closure__:\n    cell.cell_contents = None\ncontextlib.contextmanager.__kwdefaults__ = {}"
        => "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1\nwith f() as x:\n    print(x)", "1\n";
    in_held_locks:
        "import logging\nt = logging.threading\nt._active_limbo_lock.acquire()"
        => "import logging\nt = logging.threading\nprint(t._active_limbo_lock.locked())", "False\n";
    in_the_limit_of_digits:
        "import enum\nenum.sys.set_int_max_str_digits(0)"
        => "try:\n    print(len(str(10 ** 5000)))\nexcept ValueError:\n    print('limited')", "limited\n";
    in_the_dict_of_an_enum_member:
        "from sym.sdk import PermissionLevel as P\nP.ADMIN.__dict__ = P.ALL_USERS.__dict__"
        => "from sym.sdk import PermissionLevel as P\nprint(P.ADMIN.value, P.ADMIN.name)", "admin ADMIN\n";
    in_the_class_of_an_enum_member:
        "from sym.sdk import PermissionLevel as P, UserRole\nP.ADMIN.__class__ = UserRole"
        => "from sym.sdk import PermissionLevel as P\nprint(type(P.ADMIN).__name__, isinstance(P.ADMIN, P))", "PermissionLevel True\n";
    in_the_attributes_of_an_enum_member:
        "from sym.sdk import PermissionLevel as P\nobject.__setattr__(P.ADMIN, 'owned', 1)"
        => "from sym.sdk import PermissionLevel as P\nprint(hasattr(P.ADMIN, 'owned'))", "False\n";
    in_what_a_fresh_copy_of_gc_hides:
        "import enum\nm = enum.sys.modules\nclass S:\n    name = 'gc'\nm.pop('gc')\ngc = m['_imp'].create_builtin(S())\nS.name = '_codecs'\nm.pop('_codecs')\nm['_imp'].create_builtin(S()).register_error('ignore', lambda error: ('owned', error.end))\ngc.freeze()"
        ends with "RuntimeError"
        => "print('xä'.encode('ascii', 'ignore'))", "b'x'\n";
    in_a_spying_class_of_an_enum_member:
        "import enum\nfrom sym.sdk import PermissionLevel as P\nclass Spy(str, enum.Enum):\n    def __str__(self):\n        return 'owned'\nP.ADMIN.__class__ = Spy\nm = enum.sys.modules\nclass S:\n    name = 'gc'\nm.pop('gc')\nm['_imp'].create_builtin(S()).freeze()"
        ends with "RuntimeError"
        => "from sym.sdk import PermissionLevel as P\nprint(type(P.ADMIN).__name__)", "PermissionLevel\n";
    in_the_dialects_of_csv:
        "import csv\ncsv.register_dialect('excel', delimiter=';')\ncsv.register_dialect('mine', delimiter=':')\ncsv.unregister_dialect('unix')"
        => "import csv\nprint(list(csv.reader(['a,b'], 'excel')), csv.list_dialects())", "[['a', 'b']] ['excel', 'excel-tab', 'unix']\n";
    in_the_field_size_of_csv:
        "import csv\ncsv.field_size_limit(3)"
        => "import csv\nprint(csv.field_size_limit(), list(csv.reader(['abcdef'])))", "131072 [['abcdef']]\n";
    in_the_dialects_of_a_csv_that_was_loaded_behind_the_back:
        "import enum\ncsv = enum.sys.modules['builtins'].__import__('c' + 'sv')\ncsv.register_dialect('excel', delimiter=';')\ncsv.field_size_limit(3)"
        => "import csv\nprint(csv.field_size_limit(), list(csv.reader(['a,bcdef'])))", "131072 [['a', 'bcdef']]\n";
    in_the_caches_of_zoneinfo:
        "import enum, zoneinfo\nzoneinfo.ZoneInfo('Europe/Berlin')\nzoneinfo._common.load_tzdata = lambda key: None\nzoneinfo._common.load_data.__code__ = (lambda file: (_ for _ in ()).throw(KeyError)).__code__"
        => "import datetime, zoneinfo\nprint(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')))", "2026-07-01 00:00:00+02:00\n";
    in_the_caches_of_zoneinfo_that_a_finalizer_fills:
        "import zoneinfo\nclass Late:\n    def __del__(self):\n        zoneinfo.ZoneInfo('Europe/Berlin')\nload = zoneinfo._common.load_tzdata\nzoneinfo._common.load_tzdata = lambda key: load('Asia/Tokyo')\nzoneinfo.late = Late()\nprint(zoneinfo.ZoneInfo('Europe/Berlin'))"
        => "import datetime, zoneinfo\nprint(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')))", "2026-07-01 00:00:00+02:00\n";
    in_the_codecs_that_the_interpreter_remembers:
        "import enum\nm = enum.sys.modules\nm['encodings']._cache['utf_16'] = m['_codecs'].lookup('ascii')\nprint('x'.encode('UTF-16'))"
        => "print('x'.encode('utf-16'))", "b'\\xff\\xfex\\x00'\n";
    in_what_codecs_find_when_they_are_first_used:
        "import enum, json, types\nm = enum.sys.modules\nfake = types.ModuleType('_pycodecs')\nfake.charmap_decode = fake.charmap_encode = fake.charmap_build = fake.readbuffer_encode = json.loads\nm['_pycodecs'] = fake\nfor name in ('charmap_build', 'charmap_decode', 'charmap_encode', 'readbuffer_encode'):\n    for module in ('_codecs', 'codecs'):\n        getattr(m[module], name)(b'1')"
        => "print('ä'.encode('cp1252'), b'\\xe4'.decode('cp1252'))", "b'\\xe4' ä\n";
    in_the_list_of_filters_that_warnings_looked_at:
        "import enum, types\nm = enum.sys.modules\nfake = types.ModuleType('warnings')\nfake.filters = enum.sys.path_hooks\nm['warnings'] = fake\ntry:\n    m['_warnings'].warn('x')\nexcept ValueError:\n    pass\nenum.sys.path_hooks.append(1)\ntry:\n    m['_warnings'].warn('x')\nexcept (ValueError, TypeError):\n    pass"
        => "import enum\nm = enum.sys.modules\nm.pop('warnings', None)\nm['_warnings'].warn('x', DeprecationWarning)\nprint('ok')", "ok\n";
    in_generators_that_stand_in_a_handler:
        "import json\ndef g():\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        yield 1\njson.kept = g()\nnext(json.kept)"
        => "import enum\nprint(enum.sys.exc_info())", "(None, None, None)\n";
    in_the_attributes_of_functions:
        "import json\njson.dumps.owned = 1\njson.dumps.__name__ = json.dumps.__doc__ = 'owned'\njson.dumps.__module__ = 'owned'"
        => "import json\nprint(hasattr(json.dumps, 'owned'), json.dumps.__name__, json.dumps.__module__)", "False dumps json\n";
    in_the_annotations_of_functions:
        "from sym.sdk.integrations import slack\nslack.channel.__annotations__ = {'owned': 1}\nslack.channel.__type_params__ = (1,)"
        => "from sym.sdk.integrations import slack\nprint('owned' in slack.channel.__annotations__, slack.channel.__type_params__)", "False ()\n";
    in_the_bases_of_classes:
        "from sym.sdk.user import UserIdentity\nclass Evil:\n    owned = 1\nUserIdentity.__module__ = 'owned'\nUserIdentity.__doc__ = 'owned'\nUserIdentity.__abstractmethods__ = frozenset()\nUserIdentity.__type_params__ = (1,)"
        => "from sym.sdk.user import UserIdentity\nprint(UserIdentity.__module__, UserIdentity.__doc__ == 'owned', UserIdentity.__type_params__)", "sym.sdk.user False ()\n";
    in_the_class_of_a_module:
        "import json, types\nclass Evil(types.ModuleType):\n    owned = 1\njson.__class__ = Evil"
        => "import json\nprint(hasattr(json, 'owned'), type(json).__name__)", "False module\n";
    in_descriptors_of_the_sdk:
        "from sym.sdk.request_permission import RequestPermission as P\nfor cls in type(event.user).__mro__:\n    for name, value in vars(cls).items():\n        if isinstance(value, property):\n            value.__init__(lambda self: 'owned')"
        => "print(event.user.username, event.user.email)", "alice@example.com alice@example.com\n";
    in_what_an_abstract_class_hands_out:
        "import enum, numbers, weakref\nisinstance(1, numbers.Number)\nfor part in enum.sys.modules['_abc']._get_dump(numbers.Number)[:3]:\n    part.add(weakref.ref(str))"
        => "import numbers\nprint(isinstance('x', numbers.Number))", "False\n";
    in_a_context_variable:
        "import enum\nclass Evil:\n    def __del__(self):\n        print('late')\nvariable = enum.sys.modules['_contextvars'].ContextVar('x')\nvariable.set(Evil())\nenum.kept = variable"
        => "import enum\nprint(hasattr(enum, 'kept'), 'x' in [one.name for one in enum.sys.modules['_contextvars'].copy_context()])", "False False\n";
    in_callbacks_of_weak_references:
        "import enum, json, weakref\nclass A: pass\na = A()\nenum.one, enum.two = a, weakref.ref(a, lambda ref: setattr(json, 'owned', 1))\nenum.three = weakref.finalize(a, print, 'late')"
        => "import enum, json\nprint(hasattr(json, 'owned'), hasattr(enum, 'two'))", "False False\n";
    in_frames_of_the_driver:
        "import enum\nframe = enum.sys._getframe()\nwhile frame:\n    frame.f_globals['owned'] = 1\n    frame.f_locals['owned'] = frame\n    frame.f_builtins['owned'] = 1\n    frame = frame.f_back"
        => "import enum\nframe = enum.sys._getframe()\nfound = []\nwhile frame:\n    found += ['owned' in frame.f_globals, 'owned' in frame.f_locals, 'owned' in frame.f_builtins]\n    frame = frame.f_back\nprint(any(found))", "False\n";
    in_an_exception_that_keeps_its_frames:
        "import enum\nclass Evil:\n    def __del__(self):\n        print('late')\ndef f():\n    evil = Evil()\n    raise KeyError\ntry:\n    f()\nexcept KeyError as error:\n    enum.sys.last_exc = enum.kept = error"
        => "import enum\nprint(hasattr(enum.sys, 'last_exc'), hasattr(enum, 'kept'))", "False False\n";
    in_builtins_of_other_modules:
        "import json\njson.dumps.__globals__['__builtins__'] = {}\njson.dumps.__builtins__['isinstance'] = lambda *a: False"
        ends with "ValidationError"
        => "import json\nprint(json.dumps({'a': [1, 2]}), isinstance(1, int))", "{\"a\": [1, 2]} True\n";
    in_the_locks_of_the_interpreter:
        "import enum\nm = enum.sys.modules\nm['_imp'].acquire_lock()\nm['_imp'].acquire_lock()\nm['_warnings']._acquire_lock()"
        => "import enum\nm = enum.sys.modules\nprint(m['_imp'].lock_held())\ntry:\n    m['_warnings']._release_lock()\nexcept RuntimeError:\n    print('free')", "False\nfree\n";
    in_the_names_of_code:
        "import enum, json\nenum.sys.modules['_imp']._fix_co_filename(json.dumps.__code__, 'owned')"
        ends with "RuntimeError"
        => "import json\nprint(json.dumps.__code__.co_filename == 'owned')", "False\n";
    in_the_source_of_modules:
        "import enum\nenum.sys.modules['_imp']._override_frozen_modules_for_tests(-1)"
        ends with "RuntimeError"
        => "import enum\nprint(enum.sys.modules['_imp'].is_frozen('colorsys'))", "True\n";
    in_a_trace_by_a_function_that_is_known:
        "import enum, json\nenum.sys.settrace(json.dumps)"
        ends with "RuntimeError"
        => "import enum\nprint(enum.sys.gettrace())", "None\n";
    in_the_counters_of_itertools:
        "import logging\nlogging.threading.Thread()\nlogging.threading.Thread()"
        => "import logging\nprint(logging.threading.Thread().name)", "Thread-1\n";
    by_finalizers_that_run_when_things_are_put_back:
        "import json, re\nclass Late:\n    def __del__(self):\n        re.match = lambda *a: 'owned'\njson.owned = Late()"
        => "import re\nprint(re.match('a', 'b'))", "None\n";
    by_finalizers_that_come_back:
        "import json, re\nclass Late:\n    def __del__(self):\n        json.owned = Late()\njson.owned = Late()"
        => "import json\nprint(hasattr(json, 'owned'))", "False\n";
}

#[test]
fn workers_that_serve_several_flows_by_turns_are_not_replaced() {
    let pool = one_worker();
    let flows = [
        "import logging\nlogging.getLogger('a').warning('x')",
        "import re, json\nprint(re.sub('a+', 'b', 'aa'), json.dumps({'a': [1]}))",
        "import ipaddress\nprint(ipaddress.ip_address('10.0.0.1') in ipaddress.ip_network('10.0.0.0/8'))",
        "from urllib.parse import urlencode\nimport decimal\nprint(urlencode({'a': 1}), decimal.Decimal('1.1') + 1)",
        "from datetime import datetime, timedelta\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\nprint(A(1), datetime.strptime('2026-01-01', '%Y-%m-%d') + timedelta(days=1))",
        "from typing import Optional, List\nimport enum, collections\nclass E(str, enum.Enum):\n    A = 'a'\nprint(Optional[List[E]], collections.Counter('aab'), isinstance([], collections.abc.Sequence))",
        "import uuid, random, base64, hashlib\nprint(uuid.uuid4(), random.choice([1, 2]), base64.b64encode(b'x'), hashlib.sha256(b'x').hexdigest())",
        "import warnings, statistics, requests\nwarnings.warn('x')\nprint(statistics.mean([1, 2]), 'x'.encode('utf-16'))\ntry:\n    requests.get('http://a')\nexcept requests.RequestException:\n    pass",
        "import csv, io\nout = io.StringIO()\ncsv.writer(out, 'unix').writerow([1, 'a'])\nprint(out.getvalue(), csv.list_dialects())",
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\nprint(datetime(2026, 7, 1, 12, tzinfo=ZoneInfo('Europe/Berlin')).astimezone(ZoneInfo('America/New_York')))",
        "from functools import lru_cache, wraps\nfrom abc import ABC, abstractmethod\nclass B(ABC):\n    @abstractmethod\n    def f(self): ...\nclass C(B):\n    @lru_cache\n    def f(self):\n        return 1\nprint(C().f())",
    ];
    for _ in 0..3 {
        for body in flows {
            keeps_its_worker(&pool, body, || {
                call(&permissions_after(body), PERMISSIONS)
                    .run_in(&pool)
                    .unwrap_or_else(|failure| panic!("{body}: {failure}"));
            });
        }
    }
    RUNTIME.block_on(pool.shutdown());
}

/// A worker that is replaced after each call costs a hundred times as much as the call.
#[test]
fn the_example_flows_do_not_cost_a_worker() {
    let pool = one_worker();
    for source in [
        include_str!("../../flows/approval/impl.py"),
        include_str!("../../flows/urgency/impl.py"),
        include_str!("../../flows/source_channel/impl.py"),
    ] {
        for urgency in ["Normal", "Emergency"] {
            keeps_its_worker(&pool, source, || {
                call(source, PERMISSIONS)
                    .and(NOTIFICATIONS)
                    .with(with_field("urgency", serde_json::json!(urgency)))
                    .run_in(&pool)
                    .unwrap();
            });
        }
    }
    RUNTIME.block_on(pool.shutdown());
}
