//! What the interpreter looked like before any implementation ran, and putting it back after each call.
//!
//! Python lets code change shared objects: attributes of modules (`json.dumps = …`), entries of `sys.modules`, classes
//! (`Notification.__init__ = …`), functions (`f.__defaults__`), module-level lists and dicts of the SDK. One request
//! must not see what another left there. After each call this is compared by identity:
//!
//! - module namespaces (all modules) and `sys.modules`: differences are put back;
//! - classes (all modules) and functions of our own modules, both by the VM's version numbers, and all other
//!   objects that our own code holds (fields of models, closures, …): a difference cannot be put back with certainty, so the worker retires and a fresh one takes its
//!   place.
//!
//! Modules that a call imports for the first time become part of the baseline only through [`Baseline::load`], which
//! runs frozen code alone; if the same call is found to have changed anything, the worker retires. Not covered: caches
//! inside the standard library, such as compiled regular expressions.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use rustpython_vm::builtins::{
    PyCode, PyDict, PyDictRef, PyFunction, PyModule, PyStr, PyTuple, PyType, PyTypeRef,
};
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

/// Everything in these modules is watched: our own, and those of the standard library whose objects an implementation
/// would pick to change another one's results.
const OWN_ROOTS: [&str; 14] = [
    "sym",
    "_symbot",
    "requests",
    "pydantic",
    "json",
    "datetime",
    "decimal",
    "_pydecimal",
    "uuid",
    "string",
    "base64",
    "hashlib",
    "hmac",
    "copy",
];

/// Attributes that the interpreter itself or the driver sets while code runs.
const VOLATILE: [(&str, &str); 7] = [
    ("sys", "stdout"),
    ("sys", "stderr"),
    ("sys", "last_exc"),
    ("sys", "last_type"),
    ("sys", "last_value"),
    ("sys", "last_traceback"),
    ("builtins", "_"),
];

type Entries = Vec<(PyObjectRef, PyObjectRef)>;

/// The recorded state.
#[derive(Default)]
pub struct Baseline {
    /// `sys.modules` and the namespace of each module.
    namespaces: Vec<(String, PyDictRef, Entries)>,
    classes: Vec<(PyTypeRef, u32)>,
    functions: Vec<(PyRef<PyFunction>, u32)>,
    /// Other objects that our own code holds, with what they refer to.
    objects: Vec<(PyObjectRef, Vec<PyObjectRef>)>,
    /// Namespaces of all loaded modules, and those of them that are in `namespaces`: a module may have two names.
    namespace_ids: HashSet<usize>,
    recorded: HashSet<usize>,
    /// Everything visited, by address; held, so that no address is used again.
    known: HashMap<usize, PyObjectRef>,
    loaded_since_check: bool,
}

/// The outcome of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing was changed, or everything was put back.
    Clean,
    /// Something was changed that cannot be put back.
    Changed(String),
}

impl Baseline {
    /// Records everything that is loaded now.
    ///
    /// # Errors
    /// When the interpreter's own state cannot be read.
    pub fn record(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        *self = Self::default();
        let modules = modules(vm)?;
        self.namespaces
            .push(("sys.modules".to_owned(), modules.clone(), Vec::new()));
        self.namespace_ids.insert(modules.get_id());
        let loaded = modules.items_vec();
        self.add_modules(&loaded, vm)?;
        self.namespaces[0].2 = loaded;
        self.loaded_since_check = false;
        Ok(())
    }

    /// Imports a module and records what that loaded.
    ///
    /// # Errors
    /// The exception of the import.
    pub fn load(slot: &std::cell::RefCell<Self>, name: &str, vm: &VirtualMachine) -> PyResult<()> {
        let modules = modules(vm)?;
        let before: HashSet<usize> = modules
            .items_vec()
            .iter()
            .map(|(_, module)| module.get_id())
            .collect();
        vm.import(&vm.ctx.new_str(name), 0)?;
        let loaded: Entries = modules
            .items_vec()
            .into_iter()
            .filter(|(_, module)| !before.contains(&module.get_id()))
            .collect();
        let mut baseline = slot.borrow_mut();
        baseline.loaded_since_check |= !loaded.is_empty();
        baseline.add_modules(&loaded, vm)?;
        baseline.namespaces[0].2.extend(loaded);
        Ok(())
    }

    fn add_modules(
        &mut self,
        loaded: &[(PyObjectRef, PyObjectRef)],
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        for (_, module) in loaded {
            if let Some(module) = module.downcast_ref::<PyModule>() {
                self.namespace_ids.insert(module.dict().get_id());
            }
        }
        for (name, module) in loaded {
            self.add_module(name, module, vm)?;
        }
        Ok(())
    }

    fn add_module(
        &mut self,
        name: &PyObject,
        module: &PyObject,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let Some(module) = module.downcast_ref::<PyModule>() else {
            return Ok(());
        };
        let name = name.str(vm)?.to_string_lossy().into_owned();
        let own = OWN_ROOTS.contains(&name.split('.').next().unwrap_or_default());
        let dict = module.dict();
        if !self.recorded.insert(dict.get_id()) {
            return Ok(());
        }
        let entries: Entries = dict
            .items_vec()
            .into_iter()
            .filter(|(key, _)| !volatile(&name, key, vm))
            .collect();
        for (_, value) in &entries {
            self.add_value(value, own, vm)?;
        }
        self.namespaces.push((name, dict, entries));
        Ok(())
    }

    /// False for what has been visited before.
    fn visit(&mut self, value: &PyObject) -> bool {
        self.known
            .insert(value.get_id(), value.to_owned())
            .is_none()
    }

    /// Records everything that can be reached from a value without leaving our own code.
    fn add_value(&mut self, value: &PyObject, own: bool, vm: &VirtualMachine) -> PyResult<()> {
        let mut todo = vec![value.to_owned()];
        while let Some(value) = todo.pop() {
            if !self.visit(&value) {
                continue;
            }
            if let Some(class) = value.downcast_ref::<PyType>() {
                if class.heaptype_ext.is_some() {
                    self.add_class(class, &mut todo, vm)?;
                }
            } else if !own || !value.is_gc_tracked() || self.is_elsewhere(&value) {
            } else if let Some(function) = value.downcast_ref::<PyFunction>() {
                if is_own(&value, vm) {
                    let version = function.get_version_for_current_state();
                    self.functions.push((function.to_owned(), version));
                    for part in ["__closure__", "__defaults__", "__kwdefaults__"] {
                        todo.push(value.get_attr(part, vm)?);
                    }
                    todo.extend(value.dict().map(Into::into));
                }
            } else {
                let referents = value.gc_get_referents();
                todo.extend(referents.iter().cloned());
                if value.downcast_ref::<PyTuple>().is_none() {
                    self.objects.push((value, referents));
                }
            }
        }
        Ok(())
    }

    fn add_class(
        &mut self,
        class: &Py<PyType>,
        todo: &mut Vec<PyObjectRef>,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let object = class.as_object();
        // Looking an attribute up makes the VM give the class a version.
        let _ = class.get_attr(vm.ctx.intern_str("__doc__"));
        if is_own(object, vm) {
            let attributes = vm.ctx.new_dict();
            attributes.merge_object(object.get_attr("__dict__", vm)?, vm)?;
            todo.extend(attributes.values_vec());
        }
        let tag = class.tp_version_tag.load(Ordering::Acquire);
        if tag == 0 {
            return Err(vm.new_runtime_error(format!("the class {} has no version", class.name())));
        }
        self.classes.push((class.to_owned(), tag));
        Ok(())
    }

    /// Modules and their namespaces are compared by themselves; code cannot be changed.
    fn is_elsewhere(&self, value: &PyObject) -> bool {
        value.downcast_ref::<PyModule>().is_some()
            || value.downcast_ref::<PyCode>().is_some()
            || self.namespace_ids.contains(&value.get_id())
    }

    /// Compares with the record and puts namespaces back.
    ///
    /// # Errors
    /// When the interpreter's own state cannot be read or written; the worker must then not be used again.
    pub fn check(&mut self, vm: &VirtualMachine) -> PyResult<Check> {
        let loaded = std::mem::take(&mut self.loaded_since_check);
        let mut restored = None;
        for (index, (name, dict, entries)) in self.namespaces.iter().enumerate() {
            if let Some(key) = difference(name, dict, entries, index == 0, vm) {
                restore(name, dict, entries, index == 0, vm)?;
                restored = Some(format!("{name}.{key}"));
            }
        }
        if let (true, Some(name)) = (loaded, restored) {
            return Ok(Check::Changed(name));
        }
        for (class, tag) in &self.classes {
            if class.tp_version_tag.load(Ordering::Acquire) != *tag {
                return Ok(Check::Changed(format!("the class {}", class.name())));
            }
        }
        for (function, version) in &self.functions {
            // The VM takes the version away when code or defaults are assigned.
            if function.func_version() != *version {
                return Ok(Check::Changed("a function of the SDK".to_owned()));
            }
        }
        for (object, referents) in &self.objects {
            let now = object.gc_get_referents();
            if now.len() != referents.len()
                || !now.iter().zip(referents).all(|(old, new)| old.is(new))
            {
                return Ok(Check::Changed(format!(
                    "a {} of the SDK",
                    object.class().name()
                )));
            }
        }
        Ok(Check::Clean)
    }
}

fn modules(vm: &VirtualMachine) -> PyResult<PyDictRef> {
    vm.sys_module
        .get_attr("modules", vm)?
        .downcast::<PyDict>()
        .map_err(|_| vm.new_runtime_error("sys.modules is not a dict"))
}

fn volatile(module: &str, key: &PyObject, vm: &VirtualMachine) -> bool {
    VOLATILE.iter().any(|(in_module, name)| {
        *in_module == module && key.str(vm).is_ok_and(|key| key.to_string_lossy() == *name)
    })
}

fn has_volatile(module: &str) -> bool {
    VOLATILE.iter().any(|(name, _)| *name == module)
}

/// The first entry that is not as recorded.
fn difference(
    name: &str,
    dict: &PyDictRef,
    entries: &Entries,
    is_modules: bool,
    vm: &VirtualMachine,
) -> Option<String> {
    let text = |key: &PyObject| {
        key.str(vm)
            .map_or_else(|_| "?".to_owned(), |key| key.to_string_lossy().into_owned())
    };
    let now = dict.items_vec();
    let mut expected = entries.iter();
    let filter = !is_modules && has_volatile(name);
    for (key, value) in &now {
        if filter && volatile(name, key, vm) {
            continue;
        }
        match expected.next() {
            Some((old_key, old_value)) if old_value.is(value) && old_key.is(key) => {}
            _ => return Some(text(key)),
        }
    }
    expected.next().map(|(key, _)| text(key))
}

fn restore(
    name: &str,
    dict: &PyDictRef,
    entries: &Entries,
    is_modules: bool,
    vm: &VirtualMachine,
) -> PyResult<()> {
    let kept: Entries = if is_modules {
        Vec::new()
    } else {
        dict.items_vec()
            .into_iter()
            .filter(|(key, _)| volatile(name, key, vm))
            .collect()
    };
    PyDict::clear(dict);
    for (key, value) in entries.iter().chain(&kept) {
        dict.set_item(key.as_object(), value.clone(), vm)?;
    }
    Ok(())
}

/// Whether a function or class was made by our own code.
fn is_own(value: &PyObject, vm: &VirtualMachine) -> bool {
    value.get_attr("__module__", vm).is_ok_and(|module| {
        module.downcast_ref::<PyStr>().is_some_and(|name| {
            let name = name.to_string_lossy();
            OWN_ROOTS.contains(&name.split('.').next().unwrap_or_default())
        })
    })
}

/// Sizes, for the log.
impl std::fmt::Debug for Baseline {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: HashMap<&str, usize> = [
            ("namespaces", self.namespaces.len()),
            ("classes", self.classes.len()),
            ("functions", self.functions.len()),
            ("objects", self.objects.len()),
        ]
        .into();
        write!(out, "{counts:?}")
    }
}
