//! Attempts to get out of the worker, each with its expected outcome.

use symbot::policy::types::FailureKind;

use crate::support::{
    PERMISSIONS, RUNTIME, call, failure, next_call_works, one_worker, permissions_after, printed,
};

/// The body raises one of these exceptions.
fn refused(body: &str, exceptions: &[&str]) {
    let failure = failure(body);
    assert_eq!(failure.kind, FailureKind::Exception, "{body}: {failure}");
    let class = failure.exception.clone().unwrap_or_default();
    assert!(exceptions.contains(&class.as_str()), "{body}: {failure}");
}

#[test]
fn files_cannot_be_opened() {
    refused(
        "open('/etc/passwd')",
        &[
            "NameError",
            "PermissionError",
            "OSError",
            "UnsupportedOperation",
        ],
    );
    refused(
        "open('/tmp/owned', 'w')",
        &[
            "NameError",
            "PermissionError",
            "OSError",
            "UnsupportedOperation",
        ],
    );
    refused(
        "import io\nio.open('/etc/passwd')",
        &[
            "AttributeError",
            "PermissionError",
            "UnsupportedOperation",
            "OSError",
            "TypeError",
        ],
    );
    refused(
        "import io\nio.FileIO('/etc/passwd')",
        &[
            "AttributeError",
            "PermissionError",
            "UnsupportedOperation",
            "OSError",
            "TypeError",
        ],
    );
    refused(
        "import io\nio.FileIO(1, 'w').write(b'x')",
        &[
            "AttributeError",
            "PermissionError",
            "UnsupportedOperation",
            "OSError",
            "TypeError",
        ],
    );
    refused(
        "import traceback\ntraceback.linecache.tokenize.open('/etc/passwd')",
        &[
            "AttributeError",
            "PermissionError",
            "UnsupportedOperation",
            "OSError",
            "NameError",
            "TypeError",
        ],
    );
}

#[test]
fn modules_that_reach_the_system_cannot_be_imported() {
    for module in [
        "os",
        "sys",
        "socket",
        "subprocess",
        "ctypes",
        "shutil",
        "pathlib",
        "importlib",
        "threading",
        "multiprocessing",
        "signal",
        "marshal",
        "pickle",
        "gc",
        "builtins",
        "_thread",
        "_io",
        "_symbot_host",
        "_symbot.driver",
        "urllib.request",
        "http.client",
        "asyncio",
        "resource",
        "posix",
        "fcntl",
        "mmap",
        "_interpreters",
        "code",
        "runpy",
        "numpy",
    ] {
        let failure = failure(&format!("import {module}"));
        assert!(
            matches!(
                failure.exception.as_deref(),
                Some("ImportError" | "ModuleNotFoundError")
            ),
            "{module}: {failure}"
        );
        assert!(
            failure
                .message
                .contains("cannot be imported in an implementation file"),
            "{failure}"
        );
    }
}

#[test]
fn the_import_function_in_all_its_forms_is_guarded() {
    refused("__import__('os')", &["ImportError"]);
    refused("__builtins__['__import__']('os')", &["ImportError"]);
    refused("eval(\"__import__('os')\")", &["ImportError"]);
    refused("exec('import os')", &["ImportError"]);
}

#[test]
fn the_environment_is_empty_even_through_other_modules() {
    assert_eq!(
        printed("import random\nprint(dict(getattr(random, '_os').environ))"),
        "{}\n"
    );
    assert_eq!(
        printed("import dataclasses\nprint(dict(dataclasses.inspect.os.environ))"),
        "{}\n"
    );
}

#[test]
fn the_os_module_behind_other_modules_can_do_nothing() {
    for attempt in [
        "system('id')",
        "fork()",
        "kill(1, 9)",
        "execv('/bin/sh', [])",
        "popen('id')",
        "write(1, b'x')",
        "listdir('/')",
        "remove('/etc/passwd')",
        "getppid()",
    ] {
        refused(
            &format!("import random\nrandom._os.{attempt}"),
            &["AttributeError", "PermissionError"],
        );
    }
}

#[test]
fn native_modules_that_are_left_reach_no_socket_and_no_process() {
    let body = "import enum\nmodules = enum.sys.modules\n\
                for name in ('_socket', 'socket', '_posixsubprocess', '_ctypes', 'mmap', 'fcntl', '_signal', 'select', '_interpreters'):\n\
                \x20   print(name in modules, end=' ')";
    assert_eq!(printed(body), "False ".repeat(9));
    let importer = "import enum\nreal = enum.sys.modules['builtins'].__import__\nfor name in ('_socket', '_posixsubprocess', '_ctypes', 'mmap', 'fcntl', '_signal', '_interpreters', '_testinternalcapi'):\n    try:\n        real(name)\n        print('loaded', name)\n    except ImportError:\n        pass";
    assert_eq!(printed(importer), "");
}

#[test]
fn subclasses_lead_to_no_opener_and_no_process() {
    let body = "names = set()\ntodo = [object]\nseen = set()\n\
                while todo:\n    one = todo.pop()\n    if id(one) in seen:\n        continue\n    seen.add(id(one))\n    names.add(one.__name__)\n    todo.extend(type.__subclasses__(one))\n\
                print(sorted(names & {'Popen', 'FileIO', 'socket', 'SSLSocket', 'CDLL', 'mmap', '_wrap_close'}))";
    assert_eq!(printed(body), "[]\n");
}

#[test]
fn threads_cannot_be_started() {
    refused(
        "import logging\nlogging.threading.Thread(target=print).start()",
        &["RuntimeError"],
    );
    refused(
        "import enum\nenum.sys.modules['_thread'].start_new_thread(print, ())",
        &["RuntimeError"],
    );
}

/// Ways to a native module that was taken out of `sys.modules`; each gives the module as `new`.
const WAYS_TO_A_NATIVE_MODULE: [&str; 5] = [
    "new = m['_imp'].create_builtin(S())",
    "new = m['_frozen_importlib'].BuiltinImporter.create_module(S())",
    "new = m['_frozen_importlib'].BuiltinImporter.load_module(S.name)",
    "new = m['builtins'].__import__(S.name)",
    "enum.sys.modules = {}\nnew = m['_imp'].create_builtin(S())",
];

/// A class `S` that serves as the specification of a module, and the modules in `m`.
const NATIVE: &str = "import enum\nm = enum.sys.modules\nclass S:\n    loader = origin = None\n";

#[test]
fn bytecode_cannot_be_loaded_from_data() {
    refused(
        "import enum\nenum.sys.modules['marshal'].loads(b'c')",
        &["RuntimeError"],
    );
    for way in WAYS_TO_A_NATIVE_MODULE {
        refused(
            &format!("{NATIVE}S.name = 'marshal'\nm.pop('marshal')\n{way}\nnew.loads(b'N')"),
            &["RuntimeError"],
        );
    }
}

#[test]
fn native_modules_that_lost_functions_are_not_made_anew() {
    for way in WAYS_TO_A_NATIVE_MODULE {
        let way = way.replace('\n', "\n    ");
        let body = format!(
            "{NATIVE}different = []\nfor name in [one for one in enum.sys.builtin_module_names if one in m]:\n\
             \x20   if name in ('sys', 'builtins', '_imp'):\n        continue\n\
             \x20   S.name, old = name, m.pop(name)\n    {way}\n    enum.sys.modules = m\n    m[name] = old\n\
             \x20   if new is not old:\n        different.append(name)\nprint(different)"
        );
        assert_eq!(printed(&body), "[]\n", "{way}");
    }
    for name in ["sys", "builtins", "_imp"] {
        let body = format!(
            "{NATIVE}S.name, imp = '{name}', m['_imp']\nold = m.pop('{name}')\nprint(imp.create_builtin(S()) is old)"
        );
        assert_eq!(printed(&body), "True\n", "{name}");
    }
}

#[test]
fn native_modules_that_nobody_needs_are_not_there() {
    let body = format!(
        "{NATIVE}for S.name in ('_pickle', 'pyexpat', '_elementtree', '_bz2', '_lzma', '_asyncio', '_interpreters', '_symtable', '_sysconfigdata'):\n\
         \x20   print(m['_imp'].create_builtin(S()), m['_imp'].is_builtin(S.name), end=' ')"
    );
    assert_eq!(printed(&body), "None False ".repeat(9));
}

/// Forged code runs until the interpreter stumbles. The worker is then gone, and the next one is as it should be.
#[test]
fn forged_code_harms_nothing_but_its_worker() {
    let pool = one_worker();
    let before = pool.idle_process_ids();
    for (body, kind) in [
        (
            "def f(): pass\ncode = f.__code__.replace(co_code=bytes([100, 255] * 200))\nexec(code)",
            Some(FailureKind::Died),
        ),
        (
            "def f(): return 1\nf.__code__ = f.__code__.replace(co_consts=())\nprint(f())",
            None,
        ),
        (
            "def f(): pass\ncode = f.__code__.replace(co_code=bytes(range(256)) * 4, co_stacksize=1)\nexec(code)",
            Some(FailureKind::Exception),
        ),
    ] {
        let result = call(&permissions_after(body), PERMISSIONS)
            .within(10_000)
            .run_in(&pool);
        assert_eq!(result.err().map(|failure| failure.kind), kind, "{body}");
        let next = call(
            &permissions_after("def f(): return 1\nprint(f(), f.__code__.co_consts)"),
            PERMISSIONS,
        )
        .run_in(&pool)
        .unwrap();
        assert_eq!(next.printed, "1 (1,)\n", "{body}");
    }
    assert_ne!(pool.idle_process_ids(), before);
    RUNTIME.block_on(pool.shutdown());
}

#[test]
fn the_protocol_pipe_cannot_be_written() {
    refused(
        "import enum\nenum.sys.__stdout__.buffer.write(b'x')",
        &["AttributeError"],
    );
    assert_eq!(
        printed("import enum\nprint(enum.sys.__stdout__, enum.sys.__stdin__, enum.sys.__stderr__)"),
        "None None None\n"
    );
}

#[test]
fn undeclared_host_calls_are_refused() {
    refused(
        "from sym.sdk.integrations import slack\nslack._hostcall.call('secrets.read', name='prod')",
        &["SymException"],
    );
    refused(
        "from sym.sdk.integrations import slack\nslack._hostcall.call('users.by_email', email=3, create=True)",
        &["SymIntegrationError"],
    );
    refused(
        "from sym.sdk.integrations import slack\nslack._hostcall.call('users.by_email', email='a', create=True, extra=1)",
        &["SymIntegrationError"],
    );
}

#[test]
fn objects_cannot_be_smuggled_to_the_host() {
    refused(
        "from sym.sdk.integrations import slack\nslack._hostcall.call('store.put', path='a', value=object())",
        &["TypeError"],
    );
    refused(
        "from sym.sdk.integrations import slack\nx = []\nx.append(x)\nslack._hostcall.call('store.put', path='a', value=x)",
        &["ValueError"],
    );
    refused(
        "from sym.sdk.integrations import slack\nslack._hostcall.call('store.put', path='a', value='x' * 10_000_000)",
        &["ValueError"],
    );
}

#[test]
fn a_worker_has_three_descriptors_and_an_empty_environment() {
    use crate::support::POOL;
    next_call_works();
    let ids = POOL.idle_process_ids();
    for id in ids {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{id}/fd")) else {
            continue;
        };
        let mut numbers: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        numbers.sort();
        assert_eq!(numbers, ["0", "1", "2"]);
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        assert!(environment.is_empty());
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        if !status.is_empty() {
            assert!(status.contains("Seccomp:\t2"), "{status}");
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        }
    }
}
