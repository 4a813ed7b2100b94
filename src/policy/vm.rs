//! The Python interpreter of a worker: standard library, SDK, and the one native module through which Python reaches
//! the host. Nothing here runs in the bot itself.

use rustpython_vm::signal::user_signal_channel;
use rustpython_vm::{self as vm, Interpreter, Settings};

use super::whereabouts;

/// Modules that exist in RustPython but have no business in a policy: other interpreters, internals, and code that
/// could only fail. (`marshal`, which `importlib` needs, loses its functions in `_symbot/warm.py`.)
const REMOVED_MODULES: [&str; 6] = [
    "_interpreters",
    "_interpchannels",
    "_interpqueues",
    "_testinternalcapi",
    "_remote_debugging",
    "_asyncio",
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
                for name in REMOVED_MODULES {
                    state.module_defs.remove(name);
                }
            }
        })
        .build()
}

/// The Python sources of `src/policy/python`, compiled into the binary.
fn sdk() -> &'static vm::frozen::FrozenLib {
    vm::py_freeze!(dir = "python")
}
