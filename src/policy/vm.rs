//! The Python interpreter of a worker: standard library, SDK, and the one native module through which Python reaches
//! the host. Nothing here runs in the bot itself.

use rustpython_vm::signal::user_signal_channel;
use rustpython_vm::{self as vm, Interpreter, Settings};

use super::whereabouts;

/// The native modules that the standard library needs. All others have no business in a policy: other interpreters,
/// internals, formats that nobody may import, and code that could only fail. (`gc`, `marshal` and others that are needed
/// lose functions in `_symbot/warm.py`.)
const MODULES: &[&str] = &[
    "_abc",
    "_ast",
    "_bisect",
    "_blake2",
    "_codecs",
    "_codecs_cn",
    "_codecs_hk",
    "_codecs_iso2022",
    "_codecs_jp",
    "_codecs_kr",
    "_codecs_tw",
    "_collections",
    "_contextvars",
    "_csv",
    "_datetime",
    "_functools",
    "_hashlib",
    "_heapq",
    "_imp",
    "_io",
    "_json",
    "_md5",
    "_multibytecodec",
    "_opcode",
    "_operator",
    "_queue",
    "_random",
    "_sha1",
    "_sha256",
    "_sha3",
    "_sha512",
    "_sre",
    "_stat",
    "_statistics",
    "_string",
    "_struct",
    "_suggestions",
    "_symbot_host",
    "_thread",
    "_tokenize",
    "_types",
    "_typing",
    "_warnings",
    "_weakref",
    "_zoneinfo",
    "array",
    "atexit",
    "binascii",
    "builtins",
    "cmath",
    "errno",
    "gc",
    "itertools",
    "marshal",
    "math",
    "sys",
    "time",
    "unicodedata",
    "zlib",
];

/// The hash seed is fixed, so that the order of sets is the same when a recorded call is replayed.
const HASH_SEED: u32 = 0;

/// Builds an interpreter with `sym.sdk`, frozen, and nothing of the machine it runs on.
#[must_use]
pub fn interpreter() -> Interpreter {
    let mut settings = Settings::default();
    settings.install_signal_handlers = false;
    settings.import_site = false;
    settings.user_site_directory = false;
    settings.isolated = true;
    settings.ignore_environment = true;
    settings.write_bytecode = false;
    settings.safe_path = true;
    settings.allow_external_library = false;
    settings.hash_seed = Some(HASH_SEED);
    let builder = Interpreter::builder(settings);
    let standard = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
    let host = super::native::module_def(&builder.ctx);
    builder
        .add_native_modules(&standard)
        .add_native_module(host)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .add_frozen_modules(sdk())
        .init_hook(|vm| {
            let (sender, receiver) = user_signal_channel();
            vm.set_user_signal_channel(receiver);
            whereabouts::connect(sender);
            if let Some(state) = vm::common::rc::PyRc::get_mut(&mut vm.state) {
                state.module_defs.retain(|name, _| MODULES.contains(name));
            }
        })
        .build()
}

/// The Python sources of `src/policy/python`, compiled into the binary.
fn sdk() -> &'static vm::frozen::FrozenLib {
    vm::py_freeze!(dir = "python")
}
