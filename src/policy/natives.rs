//! State of the interpreter that is in no Python object: tables, switches and counters of the VM and of native modules.
//!
//! Python code cannot reach most of it, because the functions that change it are taken away (`_symbot/warm.py`) and
//! [`module`] makes no second copy of a module that has lost some. What can be compared cheaply is compared all the same
//! after each call, and what handlers may use (dialects of `csv`, limits) is put back.

use std::cell::RefCell;
use std::collections::HashMap;

use rustpython_vm::builtins::{PyDictRef, PyListRef, PyStrRef};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine, import};

use super::baseline::Pass;

/// What the interpreter does with text that does not fit into an encoding.
const ERROR_HANDLERS: [&str; 8] = [
    "strict",
    "ignore",
    "replace",
    "xmlcharrefreplace",
    "backslashreplace",
    "namereplace",
    "surrogatepass",
    "surrogateescape",
];

/// Locks that somebody took again and again; more than this is no accident.
const RELEASES_MAX: usize = 1_000;

thread_local! {
    /// Native modules as they were recorded, by name.
    static MODULES: RefCell<HashMap<String, PyObjectRef>> = RefCell::new(HashMap::new());
    /// What finds codecs by their names, and the names that it was asked for since the record was made: the interpreter asks
    /// once and remembers the answer for good.
    static FINDER: RefCell<Option<PyObjectRef>> = const { RefCell::new(None) };
    static ASKED_CODECS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Finds a codec for the interpreter.
pub(super) fn find_codec(name: &PyStrRef, vm: &VirtualMachine) -> PyResult {
    ASKED_CODECS.with(|slot| slot.borrow_mut().push(name.to_string_lossy().into_owned()));
    match FINDER.with(|slot| slot.borrow().clone()) {
        Some(finder) => finder.call((name.clone(),), vm),
        None => Ok(vm.ctx.none()),
    }
}

/// The native module of a name: the one that is there, also when it was taken out of `sys.modules`. One that is not loaded
/// is made if [`super::vm`] has left it in; `None`, as Python expects, if not.
pub(super) fn module(name: &str, vm: &VirtualMachine) -> PyResult {
    if let Some(module) = MODULES.with(|slot| slot.borrow().get(name).cloned()) {
        return Ok(module);
    }
    if vm.state.module_defs.contains_key(name) {
        import::import_builtin(vm, name)
    } else {
        Ok(vm.ctx.none())
    }
}

/// Functions of native modules, taken before an implementation could replace them, and what was recorded.
pub(super) struct Natives {
    lock_held: PyObjectRef,
    release_lock: PyObjectRef,
    register_dialect: PyObjectRef,
    unregister_dialect: PyObjectRef,
    get_dialect: PyObjectRef,
    list_dialects: PyObjectRef,
    field_size_limit: PyObjectRef,
    recorded: Recorded,
}

#[derive(Default)]
struct Recorded {
    error_handlers: Vec<Option<PyObjectRef>>,
    warnings: Option<Warnings>,
    dialects: Vec<(String, PyObjectRef)>,
    field_size: i64,
    recursion_limit: usize,
    digits: usize,
    exit_functions: usize,
    contexts: usize,
    gc_thresholds: (u32, u32, u32),
}

/// What `warnings` looked at last.
struct Warnings {
    filters: PyListRef,
    once_registry: PyDictRef,
    default_action: PyStrRef,
}

impl Natives {
    /// Takes the functions, and makes `_imp` ask [`module`].
    pub(super) fn find(vm: &VirtualMachine) -> PyResult<Self> {
        let imp = vm.import("_imp", 0)?;
        let host = vm.import("_symbot_host", 0)?;
        let create = host.get_attr("create_builtin", vm)?;
        imp.set_attr("create_builtin", create, vm)?;
        let finder = vm.import("encodings", 0)?.get_attr("search_function", vm)?;
        vm.state.codec_registry.unregister(&finder);
        vm.state
            .codec_registry
            .register(host.get_attr("find_codec", vm)?, vm)?;
        FINDER.with(|slot| *slot.borrow_mut() = Some(finder));
        let csv = vm.import("_csv", 0)?;
        Ok(Self {
            lock_held: imp.get_attr("lock_held", vm)?,
            release_lock: imp.get_attr("release_lock", vm)?,
            register_dialect: csv.get_attr("register_dialect", vm)?,
            unregister_dialect: csv.get_attr("unregister_dialect", vm)?,
            get_dialect: csv.get_attr("get_dialect", vm)?,
            list_dialects: csv.get_attr("list_dialects", vm)?,
            field_size_limit: csv.get_attr("field_size_limit", vm)?,
            recorded: Recorded::default(),
        })
    }

    /// Records what there is.
    pub(super) fn record(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        let modules = vm.sys_module.get_attr("modules", vm)?;
        MODULES.with(|slot| {
            let mut kept = slot.borrow_mut();
            kept.clear();
            for &name in vm.state.module_defs.keys() {
                if let Ok(module) = modules.get_item(name, vm) {
                    kept.insert(name.to_owned(), module);
                }
            }
            kept.insert("sys".to_owned(), vm.sys_module.clone().into());
            kept.insert("builtins".to_owned(), vm.builtins.clone().into());
        });
        ASKED_CODECS.with(|slot| slot.borrow_mut().clear());
        let mut dialects = Vec::new();
        for name in self.dialects(vm)? {
            let dialect = self.get_dialect.call((name.clone(),), vm)?;
            dialects.push((name, dialect));
        }
        self.recorded = Recorded {
            error_handlers: error_handlers(vm),
            warnings: Some(Warnings {
                filters: vm.state.warnings.filters.to_owned(),
                once_registry: vm.state.warnings.once_registry.to_owned(),
                default_action: vm.state.warnings.default_action.to_owned(),
            }),
            dialects,
            field_size: self.field_size(FuncArgs::default(), vm)?,
            recursion_limit: vm.recursion_limit.get(),
            digits: vm.state.int_max_str_digits.load(),
            exit_functions: vm.state.atexit_funcs.lock().len(),
            contexts: vm.context_stack.borrow().len(),
            gc_thresholds: vm.state.gc.get_threshold(),
        };
        Ok(())
    }

    /// Puts back what handlers may change; says what they may not and have.
    pub(super) fn check(&self, vm: &VirtualMachine) -> PyResult<Pass> {
        let recorded = &self.recorded;
        vm.recursion_limit.set(recorded.recursion_limit);
        vm.state.int_max_str_digits.store(recorded.digits);
        vm.repr_guards.borrow_mut().clear();
        self.put_dialects_back(vm)?;
        let mut releases = 0;
        while vm.state.warnings.release_lock()
            || self.lock_held.call((), vm)?.try_to_bool(vm)?
                && self.release_lock.call((), vm).is_ok()
        {
            releases += 1;
            if releases > RELEASES_MAX {
                return Ok(Pass::Changed("a lock of the interpreter".to_owned()));
            }
        }
        let none = |object: &PyObject| vm.is_none(object);
        let changed = [
            (
                "what is traced",
                vm.use_tracing.get()
                    || !none(&vm.trace_func.borrow())
                    || !none(&vm.profile_func.borrow())
                    || vm.state.global_trace_func.lock().is_some()
                    || vm.state.global_profile_func.lock().is_some(),
            ),
            (
                "the hooks of asynchronous code",
                vm.async_gen_firstiter.borrow().is_some()
                    || vm.async_gen_finalizer.borrow().is_some()
                    || vm.asyncio_running_loop.borrow().is_some()
                    || vm.asyncio_running_task.borrow().is_some(),
            ),
            (
                "the garbage collector",
                !vm.state.gc.is_enabled()
                    || vm.state.gc.get_threshold() != recorded.gc_thresholds
                    || !vm.state.gc.get_debug().is_empty()
                    || !vm.state.gc.garbage.lock().is_empty(),
            ),
            (
                "what is called at the end",
                vm.state.atexit_funcs.lock().len() != recorded.exit_functions
                    || !vm.state.before_forkers.lock().is_empty()
                    || !vm.state.after_forkers_child.lock().is_empty()
                    || !vm.state.after_forkers_parent.lock().is_empty(),
            ),
            (
                "where modules come from",
                vm.state.override_frozen_modules.load() != 0,
            ),
            (
                "the context of variables",
                vm.context_stack.borrow().len() != recorded.contexts,
            ),
            (
                "how encoding errors are handled",
                !same(&error_handlers(vm), &recorded.error_handlers),
            ),
        ];
        let found = changed.into_iter().find(|(_, changed)| *changed);
        if let Some((what, _)) = found {
            return Ok(Pass::Changed(what.to_owned()));
        }
        Ok(if self.put_warnings_back(vm) {
            Pass::PutBack("what is warned of".to_owned())
        } else if forget_codecs(vm) {
            Pass::PutBack("a codec".to_owned())
        } else {
            Pass::Same
        })
    }

    /// True if there was something to put back.
    fn put_warnings_back(&self, vm: &VirtualMachine) -> bool {
        let Some(then) = &self.recorded.warnings else {
            return false;
        };
        let now = &vm.state.warnings;
        if now.filters.is(&then.filters)
            && now.once_registry.is(&then.once_registry)
            && now.default_action.is(&then.default_action)
        {
            return false;
        }
        now.filters.swap_to_temporary_refs(then.filters.clone(), vm);
        now.once_registry
            .swap_to_temporary_refs(then.once_registry.clone(), vm);
        now.default_action
            .swap_to_temporary_refs(then.default_action.clone(), vm);
        true
    }

    fn put_dialects_back(&self, vm: &VirtualMachine) -> PyResult<()> {
        let recorded = &self.recorded;
        if self.field_size(FuncArgs::default(), vm)? != recorded.field_size {
            self.field_size(vec![vm.ctx.new_int(recorded.field_size).into()].into(), vm)?;
        }
        for name in self.dialects(vm)? {
            if !recorded.dialects.iter().any(|(known, _)| *known == name) {
                self.unregister_dialect.call((name,), vm)?;
            }
        }
        for (name, dialect) in &recorded.dialects {
            self.register_dialect
                .call((name.clone(), dialect.clone()), vm)?;
        }
        Ok(())
    }

    fn dialects(&self, vm: &VirtualMachine) -> PyResult<Vec<String>> {
        let names = self.list_dialects.call((), vm)?;
        names.try_into_value(vm)
    }

    fn field_size(&self, arguments: FuncArgs, vm: &VirtualMachine) -> PyResult<i64> {
        self.field_size_limit
            .call(arguments, vm)?
            .try_into_value(vm)
    }
}

/// True if there was something to forget.
fn forget_codecs(vm: &VirtualMachine) -> bool {
    let asked = ASKED_CODECS.with(|slot| std::mem::take(&mut *slot.borrow_mut()));
    for name in &asked {
        drop(vm.state.codec_registry.forget(name));
    }
    !asked.is_empty()
}

fn error_handlers(vm: &VirtualMachine) -> Vec<Option<PyObjectRef>> {
    ERROR_HANDLERS
        .iter()
        .map(|name| vm.state.codec_registry.lookup_error_opt(name))
        .collect()
}

fn same(now: &[Option<PyObjectRef>], then: &[Option<PyObjectRef>]) -> bool {
    let address = |one: &Option<PyObjectRef>| one.as_ref().map(|object| object.get_id());
    now.iter().map(address).eq(then.iter().map(address))
}
