use rustpython_vm::compiler::Mode;

use super::*;
use crate::policy::{native, vm, worker};

/// The lists of the garbage collector belong to the process: a worker has one interpreter, and so has a test.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Runs a body in a warm interpreter that was found clean.
fn warm(body: fn(&VirtualMachine)) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let run = move || {
        vm::interpreter().enter(|vm| {
            if let Err(error) = worker::warm_up(vm) {
                panic!("the SDK does not load: {}", worker::describe(&error, vm));
            }
            assert_eq!(check(vm), Check::Clean);
            body(vm);
        });
    };
    thread.spawn(run).unwrap().join().unwrap();
}

fn check(vm: &VirtualMachine) -> Check {
    native::with_baseline(|baseline| baseline.check(vm)).unwrap_or_else(|_| panic!("no check"))
}

/// Runs Python code outside of the sandbox.
fn exec(source: &str, vm: &VirtualMachine) -> rustpython_vm::scope::Scope {
    let scope = vm.new_scope_with_builtins();
    let code = vm.compile(source, Mode::Exec, "test").unwrap();
    vm.run_code_obj(code, scope.clone())
        .unwrap_or_else(|error| panic!("{}", error.class().name()));
    scope
}

fn changed(vm: &VirtualMachine) -> String {
    match check(vm) {
        Check::Changed(what) => what,
        Check::Clean => panic!("the check does not see it"),
    }
}

#[test]
fn what_is_hidden_in_the_permanent_generation_is_found() {
    warm(|vm| {
        let hidden = exec("class Spy(str): pass", vm);
        vm.state.gc.collect_force(2);
        vm.state.gc.freeze();
        assert!(changed(vm).contains("garbage collector"));
        drop(hidden);
    });
}

#[test]
fn what_came_with_a_compiled_file_is_no_survivor_and_hides_nothing() {
    warm(|vm| {
        let source = "x = (1, ('a', 'b'), frozenset({2}))";
        assert!(native::remember(source, "a.py", vm).is_ok());
        native::with_baseline(|baseline| baseline.admit(vm));
        assert_eq!(check(vm), Check::Clean);
        let hidden = exec("class Spy(str): pass", vm);
        vm.state.gc.freeze();
        assert!(changed(vm).contains("garbage collector"));
        drop(hidden);
    });
}

#[test]
fn what_nobody_holds_in_an_object_is_seen_although_it_is_known() {
    warm(|vm| {
        let known = exec("import json\nf = json.dumps", vm)
            .globals
            .get_item("f", vm)
            .unwrap_or_else(|_| panic!("no function"));
        assert_eq!(check(vm), Check::Clean);
        let old = vm
            .state
            .codec_registry
            .register_error("ignore".to_owned(), known.clone());
        assert!(changed(vm).contains("encoding errors"));
        let old = old.unwrap();
        vm.state
            .codec_registry
            .register_error("ignore".to_owned(), old);
        assert_eq!(check(vm), Check::Clean);
        *vm.trace_func.borrow_mut() = known.clone();
        assert!(changed(vm).contains("traced"));
        *vm.trace_func.borrow_mut() = vm.ctx.none();
        *vm.async_gen_finalizer.borrow_mut() = Some(known.clone());
        assert!(changed(vm).contains("asynchronous"));
        *vm.async_gen_finalizer.borrow_mut() = None;
        vm.state.gc.disable();
        assert!(changed(vm).contains("garbage collector"));
        vm.state.gc.enable();
        vm.state.override_frozen_modules.store(-1);
        assert!(changed(vm).contains("where modules come from"));
        vm.state.override_frozen_modules.store(0);
        assert_eq!(check(vm), Check::Clean);
    });
}

/// The functions that `_symbot/warm.py` takes away are in no other place.
#[test]
fn functions_that_were_taken_away_are_nowhere() {
    warm(|vm| {
        let taken = [
            "settrace",
            "setprofile",
            "addaudithook",
            "set_asyncgen_hooks",
            "setswitchinterval",
            "register_error",
            "register",
            "unregister",
            "freeze",
            "unfreeze",
            "get_objects",
            "get_referrers",
            "loads",
            "dumps",
            "start_new_thread",
            "start_joinable_thread",
            "interrupt_main",
            "create_builtin",
            "_override_frozen_modules_for_tests",
            "_fix_co_filename",
        ];
        let mut found = Vec::new();
        native::with_baseline(|baseline| {
            for object in baseline.known.values() {
                if &*object.class().name() != "builtin_function_or_method" {
                    continue;
                }
                let text = |name: &str| {
                    object
                        .get_attr(vm.ctx.intern_str(name), vm)
                        .and_then(|value| value.str(vm))
                        .map(|text| text.to_string_lossy().into_owned())
                        .unwrap_or_default()
                };
                let (module, name) = (text("__module__"), text("__name__"));
                if taken.contains(&&*name) && module != "_symbot_host" {
                    found.push(format!("{module}.{name}"));
                }
            }
        });
        assert_eq!(found, Vec::<String>::new());
    });
}
