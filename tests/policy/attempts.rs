//! Attempts to break out, to break things, and to reach what belongs to others: each with its expected outcome.

use symbot::policy::types::FailureKind;

use crate::support::{PERMISSIONS, call, next_call_works, permissions_after};

enum Outcome {
    /// One of these exceptions, in the handler.
    Raises(&'static [&'static str]),
    /// The handler ends well and has printed this: there is nothing to find.
    Prints(&'static str),
    /// The deadline.
    Stopped,
    /// The process ends, and nothing comes from it.
    Dies,
    /// Python notices, or the process ends, or the deadline.
    Contained,
    /// It may even succeed: others do not notice.
    Harmless,
}
use Outcome::{Contained, Dies, Harmless, Prints, Raises, Stopped};

/// Long enough for a busy machine to begin, short enough for so many tests.
const SHORT_MILLISECONDS: u64 = 400;
const LONG_MILLISECONDS: u64 = 6_000;

fn attempt(body: &str, outcome: &Outcome) {
    let limit = match outcome {
        Stopped => SHORT_MILLISECONDS,
        _ => LONG_MILLISECONDS,
    };
    let result = call(&permissions_after(body), PERMISSIONS)
        .within(limit)
        .run();
    match (outcome, result) {
        (Prints(expected), Ok(answer)) => assert_eq!(answer.printed, *expected, "{body}"),
        (Raises(classes), Err(failure)) => {
            assert_eq!(failure.kind, FailureKind::Exception, "{body}: {failure:?}");
            let class = failure.exception.clone().unwrap_or_default();
            assert!(classes.contains(&class.as_str()), "{body}: {failure}");
        }
        (Stopped, Err(failure)) => assert_eq!(failure.kind, FailureKind::Timeout, "{failure}"),
        (Dies, Err(failure)) => assert_eq!(failure.kind, FailureKind::Died, "{body}: {failure}"),
        (Harmless, Ok(_)) => {}
        (Contained | Harmless, Err(failure)) => {
            assert_ne!(failure.kind, FailureKind::Unavailable, "{failure:?}");
        }
        (_, Ok(answer)) => panic!("{body}: it went through and printed {}", answer.printed),
        (_, Err(failure)) => panic!(
            "{body}: {failure}\n{}",
            failure.traceback.as_deref().unwrap_or_default()
        ),
    }
    next_call_works();
}

macro_rules! attempts {
    ($($name:ident: $body:expr => $outcome:expr;)*) => {
        $(#[test]
        fn $name() {
            attempt($body, &$outcome);
        })*
    };
}

const NO_FILE: &[&str] = &[
    "AttributeError",
    "NameError",
    "OSError",
    "PermissionError",
    "TypeError",
    "UnsupportedOperation",
];
const NO_IMPORT: &[&str] = &["ImportError", "ModuleNotFoundError"];

attempts! {
    reading_a_file_with_open: "open('/etc/passwd').read()" => Raises(NO_FILE);
    writing_a_file_with_open: "open('/tmp/owned', 'w').write('x')" => Raises(NO_FILE);
    reading_a_file_with_io: "import io\nio.open('/etc/passwd')" => Raises(NO_FILE);
    reading_a_descriptor_with_fileio: "import io\nio.FileIO(0).read()" => Raises(NO_FILE);
    reading_a_file_with_linecache: "import traceback\nprint(traceback.linecache.getlines('/etc/passwd'))" => Prints("[]\n");
    reading_a_file_with_codecs: "import enum\nenum.sys.modules['codecs'].open('/etc/passwd')" => Raises(NO_FILE);
    reading_a_file_with_the_loader: "import json\njson.__loader__.get_data('/etc/passwd')" => Raises(&["AttributeError", "OSError", "TypeError"]);
    reading_a_file_with_importlib: "import enum\nmodules = enum.sys.modules\nmodules['_frozen_importlib_external'].FileLoader('x', '/etc/passwd').get_data('/etc/passwd')" => Raises(&["KeyError", "AttributeError", "PermissionError", "OSError", "NameError"]);
    listing_a_directory: "import random\nrandom._os.listdir('/')" => Raises(&["PermissionError"]);
    deleting_a_file: "import random\nrandom._os.remove('/etc/passwd')" => Raises(&["PermissionError"]);
    reading_time_zone_files: "import zoneinfo\nzoneinfo.ZoneInfo('../../../etc/passwd')" => Raises(&["ValueError"]);
    reading_time_zone_files_by_an_absolute_path: "import zoneinfo\nzoneinfo.ZoneInfo('/etc/localtime')" => Raises(&["ValueError"]);
    reading_time_zones_that_are_not: "import zoneinfo\nzoneinfo.ZoneInfo('Mars/Olympus')" => Raises(&["ZoneInfoNotFoundError"]);
    reading_the_environment: "import random\nprint(dict(random._os.environ), random._os.getenv('SLACK_BOT_TOKEN'))" => Prints("{} None\n");
    reading_the_environment_with_posix: "import enum\nposix = enum.sys.modules.get('posix')\nprint(getattr(posix, 'environ', None))" => Prints("None\n");
    reading_command_line_arguments: "import enum\nprint(getattr(enum.sys, 'argv', None) in ([], [''], None), getattr(enum.sys, 'orig_argv', []) in ([], ['']))" => Prints("True True\n");
    opening_a_socket: "import socket" => Raises(NO_IMPORT);
    opening_a_native_socket: "import enum\nenum.sys.modules['builtins'].__import__('_socket')" => Raises(NO_IMPORT);
    fetching_with_urllib: "import urllib.request" => Raises(NO_IMPORT);
    fetching_with_urllib_by_attribute: "import urllib\nurllib.request.urlopen('http://127.0.0.1')" => Raises(&["AttributeError"]);
    fetching_with_http_client: "import enum\nenum.sys.modules['builtins'].__import__('http.client').client.HTTPConnection('127.0.0.1').connect()" => Raises(&["ImportError", "ModuleNotFoundError", "AttributeError", "OSError", "NameError"]);
    fetching_a_host_that_is_not_listed: "import requests\nrequests.get('http://169.254.169.254/latest/meta-data/')" => Raises(&["RequestException", "ConnectionError"]);
    starting_a_process: "import subprocess" => Raises(NO_IMPORT);
    starting_a_process_with_os: "import random\nrandom._os.system('id')" => Raises(&["AttributeError"]);
    starting_a_process_natively: "import enum\nenum.sys.modules['builtins'].__import__('_posixsubprocess')" => Raises(NO_IMPORT);
    forking: "import random\nrandom._os.fork()" => Raises(&["AttributeError"]);
    signalling_the_parent: "import random\nrandom._os.kill(random._os.getppid(), 9)" => Raises(&["AttributeError"]);
    handling_signals: "import enum\nenum.sys.modules['builtins'].__import__('_signal')" => Raises(NO_IMPORT);
    calling_c_functions: "import enum\nenum.sys.modules['builtins'].__import__('_ctypes')" => Raises(NO_IMPORT);
    mapping_memory: "import enum\nenum.sys.modules['builtins'].__import__('mmap')" => Raises(NO_IMPORT);
    importing_os: "import os" => Raises(NO_IMPORT);
    importing_os_by_eval: "eval(\"__import__('os')\")" => Raises(NO_IMPORT);
    importing_os_by_exec_with_other_builtins: "exec('import os', {'__builtins__': __builtins__})" => Raises(NO_IMPORT);
    importing_importlib: "import importlib" => Raises(NO_IMPORT);
    importing_the_native_host_module: "import _symbot_host" => Raises(NO_IMPORT);
    importing_the_driver: "from _symbot import driver" => Raises(NO_IMPORT);
    importing_native_modules_by_their_loader: "import enum\nimp = enum.sys.modules['_imp']\nclass S:\n    name = '_socket'\n    origin = None\nprint(imp.create_builtin(S()))" => Prints("None\n");
    walking_subclasses_to_an_opener: "names = {one.__name__ for one in object.__subclasses__()}\nprint(names & {'Popen', 'FileIO', 'socket', 'CDLL', 'mmap'})" => Prints("set()\n");
    walking_frames_to_the_driver: "import enum\nframe = enum.sys._getframe()\nwhile frame.f_back:\n    frame = frame.f_back\nframe.f_globals['_symbot_host'].call('secrets.read', {})\nraise KeyError" => Raises(&["KeyError", "AttributeError"]);
    walking_globals_of_the_sdk: "from sym.sdk.integrations import slack\nslack.channel.__globals__['_hostcall'].call('secrets.read', name='prod')" => Raises(&["SymException"]);
    following_tracebacks_into_the_host: "try:\n    event.user = 1\nexcept AttributeError as error:\n    scope = error.__traceback__.tb_next.tb_frame.f_globals\n    scope['hostcall'].call('files.read', path='/etc/passwd')" => Raises(&["SymException", "KeyError"]);
    formatting_to_globals: "print('{0.__class__.__init__.__globals__[hostcall].__name__}'.format(event))" => Prints("_symbot.hostcall\n");
    replacing_the_import_guard: "import enum\n__builtins__['__import__'] = enum.sys.modules['builtins'].__import__\nimport _socket" => Raises(NO_IMPORT);
    replacing_the_json_of_the_driver: "import json\njson.dumps = json.loads = None\nprint('changed')" => Prints("changed\n");
    forging_code_with_invalid_opcodes: "def f(): pass\nf.__code__ = f.__code__.replace(co_code=bytes([250, 255] * 100))\nf()" => Dies;
    forging_code_with_a_small_stack: "def f(a): return [a, a, a, a, a, a]\nf.__code__ = f.__code__.replace(co_stacksize=0)\nf(1)" => Dies;
    forging_code_with_wrong_constants: "def f(): return 12345, 'abc', (1, 2)\nf.__code__ = f.__code__.replace(co_consts=())\nf()" => Dies;
    forging_code_with_wrong_names: "def f(): return zzz\nf.__code__ = f.__code__.replace(co_names=())\nf()" => Dies;
    forging_code_without_variables: "def f(a): return a\nf.__code__ = f.__code__.replace(co_nlocals=0, co_varnames=())\nf(1)" => Dies;
    loading_marshalled_code: "import enum\nenum.sys.modules['marshal'].loads(b'\\xe3' + b'\\0' * 40)" => Raises(&["RuntimeError", "KeyError"]);
    unpickling: "import pickle" => Raises(NO_IMPORT);
    starting_threads: "import logging\nfor _ in range(10_000):\n    logging.threading.Thread(target=print).start()" => Raises(&["RuntimeError"]);
    starting_native_threads: "import enum\nenum.sys.modules['_thread'].start_new_thread(print, ())" => Raises(&["RuntimeError"]);
    tracing_other_code: "import enum\nenum.sys.settrace(print)" => Raises(&["RuntimeError"]);
    auditing_other_code: "import enum\nenum.sys.addaudithook(print)" => Raises(&["RuntimeError"]);
    finding_objects_of_others_with_gc: "import enum\nenum.sys.modules['gc'].get_objects()" => Raises(&["RuntimeError", "KeyError"]);
    writing_to_the_protocol_pipe: "import enum\nenum.sys.__stdout__.buffer.write(b'\\0\\0\\0\\0')" => Raises(&["AttributeError"]);
    writing_to_the_pipe_by_descriptor: "import random\nrandom._os.write(1, b'\\xff\\xff\\xff\\xff')" => Raises(&["PermissionError"]);
    reading_from_the_pipe: "print(input())" => Raises(&["RuntimeError", "EOFError", "OSError", "AttributeError"]);
    sending_a_giant_host_call: "from sym.sdk.integrations import slack\nslack.send_message(event.user, 'x' * 50_000_000)" => Raises(&["ValueError"]);
    sending_a_deep_host_call: "from sym.sdk.integrations import store\nx = []\nfor _ in range(100_000):\n    x = [x]\nstore.put('a', x)" => Raises(&["ValueError", "RecursionError"]);
    flooding_the_host: "from sym.sdk.integrations import sym\nwhile True:\n    sym.get_or_create_user_by_email('a@example.com')" => Raises(&["SymIntegrationError"]);
    flooding_the_host_in_spite_of_refusals: "from sym.sdk.integrations import sym\nwhile True:\n    try:\n        sym.get_or_create_user_by_email('a@example.com')\n    except BaseException:\n        pass" => Contained;
    printing_without_end: "while True:\n    print('x' * 1000)" => Stopped;
    returning_a_giant_result: "from sym.sdk import RequestPermission\nreturn RequestPermission(webapp_view='admin', approve_deny=['x' * 1_000_000])" => Contained;
    recursing_without_end: "def down():\n    return down()\ndown()" => Raises(&["RecursionError"]);
    recursing_in_repr: "class A:\n    def __repr__(self):\n        return repr(self)\nrepr(A())" => Raises(&["RecursionError"]);
    recursing_natively: "x = []\nfor _ in range(2_000_000):\n    x = [x]\nrepr(x)" => Harmless;
    computing_a_giant_power: "10 ** 10 ** 8" => Stopped;
    printing_a_giant_number: "print(len(str(2 ** 100_000)))" => Raises(&["ValueError"]);
    matching_a_catastrophic_pattern: "import re\nre.match('(a+)+$', 'a' * 40 + 'b')" => Stopped;
    growing_a_list: "x = [0]\nwhile True:\n    x = x * 2" => Contained;
    growing_a_text: "x = 'x'\nwhile True:\n    x = x + x" => Contained;
    growing_bytes_at_once: "bytes(10 ** 12)" => Contained;
    growing_a_bomb_of_zlib: "import zlib\ndata = b'0' * 100_000_000\nfor _ in range(100):\n    data += data" => Contained;
    looping_without_end: "while True:\n    pass" => Stopped;
    looping_in_spite_of_everything: "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass" => Stopped;
    looping_in_a_finalizer: "class A:\n    def __del__(self):\n        while True:\n            pass\nA()" => Stopped;
    looping_in_str_of_an_exception: "class A(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise A" => Stopped;
    sleeping: "import time\ntime.sleep(1000)" => Stopped;
    sleeping_on_a_lock: "import logging\nlock = logging.threading.Lock()\nlock.acquire()\nlock.acquire()" => Stopped;
    iterating_natively: "sum(range(10 ** 13))" => Stopped;
    hashing_without_end: "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', 2_000_000_000)" => Stopped;
    exiting: "exit()" => Raises(&["SystemExit"]);
    exiting_the_hard_way: "import random\nrandom._os._exit(0)" => Raises(&["AttributeError"]);
    aborting: "import random\nrandom._os.abort()" => Raises(&["AttributeError"]);
    changing_the_event: "event.user = None" => Raises(&["AttributeError"]);
    changing_who_asked_behind_the_back: "object.__setattr__(event.user, '_data', {'username': 'mallory', 'id': 'x'})\nprint(event.user.username)" => Prints("mallory\n");
    reading_secrets_of_another_flow: "from sym.sdk.integrations import slack\nslack._hostcall.call('secrets.retrieve', flow='other', name='prod')" => Raises(&["SymIntegrationError"]);
    naming_another_run: "from sym.sdk.integrations import slack\nslack._hostcall.call('slack.send_thread_message', message='x', run='other')" => Raises(&["SlackError"]);
    smuggling_an_object_as_text: "class T(str):\n    def __str__(self):\n        return 'x'\nfrom sym.sdk.integrations import slack\nslack._hostcall.call('store.fetch', path=T('a'))" => Raises(&["TypeError"]);
    smuggling_not_a_number: "from sym.sdk.integrations import slack\nslack._hostcall.call('http.request', method='GET', url='http://a', headers=[], body=None, timeout=float('nan'), redirects=1)" => Raises(&["SymException"]);
    sharing_memory_with_others: "import enum\nenum.sys.modules['builtins'].__import__('_posixshmem')" => Raises(NO_IMPORT);
    loading_a_library: "import enum\nimp = enum.sys.modules['_imp']\nclass S:\n    name = 'x'\n    origin = '/lib/x86_64-linux-gnu/libc.so.6'\nimp.create_dynamic(S())" => Raises(&["AttributeError", "ImportError", "KeyError", "TypeError"]);
    starting_an_event_loop: "import asyncio" => Raises(NO_IMPORT);
    using_another_interpreter: "import enum\nenum.sys.modules['builtins'].__import__('_interpreters').create()" => Raises(NO_IMPORT);
    fetching_a_file_by_url: "import requests\nrequests.get('file:///etc/passwd')" => Raises(&["InvalidSchema", "InvalidURL", "RequestException"]);
    smuggling_a_header: "import requests\nrequests.get('http://a', headers={'X': 'a\\r\\nHost: b'})" => Raises(&["InvalidHeader", "RequestException", "ConnectionError"]);
    reading_settings_of_the_bot_from_the_sdk: "from sym.sdk.integrations import slack\nslack._hostcall.call('settings.read', name='SLACK_BOT_TOKEN')" => Raises(&["SymException"]);
    finding_the_request_before_with_gc: "import gc\nprint(len(gc.get_objects()))" => Raises(NO_IMPORT);
    replacing_what_print_means_for_others: "__builtins__['print'] = lambda *words: None\nprint('gone')" => Prints("");
    replacing_the_exit_of_the_process: "import enum\nenum.sys.exit = lambda *_: None\nenum.sys.excepthook = None\nprint('changed')" => Prints("changed\n");
    printing_one_giant_text: "print('x' * 50_000_000)" => Harmless;
    formatting_to_a_giant_width: "'{:>1000000000000}'.format(1)" => Contained;
    reading_a_giant_number: "int('9' * 10_000_000)" => Raises(&["ValueError"]);
    computing_a_giant_decimal: "import decimal\ndecimal.getcontext().prec = 10 ** 9\ndecimal.Decimal(7) ** decimal.Decimal('1000000000.5')" => Contained;
    listing_all_permutations: "import itertools\nlist(itertools.permutations(range(20)))" => Contained;
    colliding_hashes: "class K:\n    def __hash__(self):\n        return 1\n    def __eq__(self, other):\n        return False\nd = {K(): 1 for _ in range(200_000)}" => Stopped;
    comparing_without_end: "class A:\n    def __eq__(self, other):\n        return self == other\nA() == A()" => Raises(&["RecursionError"]);
    returning_something_whose_length_lies: "class L(list):\n    def __len__(self):\n        return 10 ** 18\n    def __iter__(self):\n        while True:\n            yield '5fb3bbd4-1f6e-4b0a-8a3e-5d8f2a3a7d10'\nfrom sym.sdk import RequestPermission\nreturn RequestPermission(webapp_view='admin', approve_deny=L([1]))" => Contained;
    returning_a_permission_that_lies: "from sym.sdk import RequestPermission\nclass P(RequestPermission):\n    allow_self_approval = property(lambda self: object())\nreturn P(webapp_view='admin', approve_deny='admin')" => Contained;
}

#[test]
fn a_file_of_fifty_thousand_branches_is_refused_and_one_that_just_fits_hurts_nobody() {
    let branches = |count: usize| format!("x = 0\nif x:0\n{}", "elif x:0\n".repeat(count));
    let failure = call(&branches(50_000), PERMISSIONS)
        .within(LONG_MILLISECONDS)
        .run()
        .expect_err("too large a file");
    assert_eq!(failure.kind, FailureKind::Syntax, "{failure}");
    assert!(failure.message.contains("262144"), "{failure}");
    if let Err(failure) = call(&branches(28_000), PERMISSIONS)
        .within(LONG_MILLISECONDS)
        .run()
    {
        assert!(
            matches!(failure.kind, FailureKind::Syntax | FailureKind::Exception),
            "{failure}"
        );
    }
    next_call_works();
}
