//! What the interpreter looked like before any implementation ran, and putting it back after each call.
//!
//! Python lets code change shared objects: attributes of modules (`json.dumps = …`), entries of `sys.modules`, classes
//! (`Notification.__init__ = …`), functions (`f.__defaults__`), module-level lists and dicts of the SDK. One request
//! must not see what another left there. After each call this is compared by identity:
//!
//! - module namespaces (all modules) and `sys.modules`: differences are put back;
//! - classes (all modules; by the VM's version tag), and functions and containers of our own modules: a difference
//!   cannot be put back with certainty, so the worker retires and a fresh one takes its place.
//!
//! Modules that a call imports for the first time become part of the baseline only through [`Baseline::load`], which
//! runs frozen code alone; if the same call is found to have changed anything, the worker retires. Not covered: caches
//! inside the standard library, such as compiled regular expressions.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use rustpython_vm::builtins::{
    PyDict, PyDictRef, PyFunction, PyList, PyModule, PyType, PyTypeRef,
};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

/// Modules of ours: their functions and containers are watched too.
const OWN_ROOTS: [&str; 4] = ["sym", "_symbot", "requests", "pydantic"];

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
    functions: Vec<(PyObjectRef, [PyObjectRef; 3])>,
    containers: Vec<(PyObjectRef, Vec<PyObjectRef>)>,
    known: HashSet<usize>,
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
        for (name, module) in modules.items_vec() {
            self.add_module(&name, &module, vm)?;
        }
        self.refresh_modules(&modules);
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
        let mut baseline = slot.borrow_mut();
        for (name, module) in modules.items_vec() {
            if !before.contains(&module.get_id()) {
                baseline.add_module(&name, &module, vm)?;
                baseline.namespaces[0].2.push((name, module));
                baseline.loaded_since_check = true;
            }
        }
        Ok(())
    }

    fn refresh_modules(&mut self, modules: &PyDictRef) {
        if let Some(first) = self.namespaces.first_mut() {
            first.2 = modules.items_vec();
        }
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
        if !self.known.insert(module.as_object().get_id()) {
            return Ok(());
        }
        let own = OWN_ROOTS.contains(&name.split('.').next().unwrap_or_default());
        let dict = module.dict();
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

    fn add_value(&mut self, value: &PyObject, own: bool, vm: &VirtualMachine) -> PyResult<()> {
        if let Some(class) = value.downcast_ref::<PyType>() {
            if class.heaptype_ext.is_none() || !self.known.insert(value.get_id()) {
                return Ok(());
            }
            // Looking an attribute up makes the VM give the class a version.
            let _ = value.get_attr("__name__", vm);
            let _ = value.get_attr("mro", vm);
            if own {
                let attributes = value.get_attr("__dict__", vm)?;
                let copy = vm.ctx.new_dict();
                copy.merge_object(attributes, vm)?;
                for (_, attribute) in copy.items_vec() {
                    self.add_value(&attribute, own, vm)?;
                }
            }
            let tag = class.tp_version_tag.load(Ordering::Acquire);
            self.classes.push((class.to_owned(), tag));
        } else if own && self.known.insert(value.get_id()) {
            if value.downcast_ref::<PyFunction>().is_some() {
                self.functions
                    .push((value.to_owned(), function_parts(value, vm)?));
            } else if let Some(function) = wrapped_function(value, vm) {
                self.add_value(&function, own, vm)?;
            } else if let Some(items) = container_items(value) {
                self.containers.push((value.to_owned(), items));
            } else {
                self.known.remove(&value.get_id());
            }
        }
        Ok(())
    }

    /// Compares with the record and puts namespaces back.
    ///
    /// # Errors
    /// When the interpreter's own state cannot be read or written; the worker must then not be used again.
    pub fn check(&mut self, vm: &VirtualMachine) -> PyResult<Check> {
        let loaded = std::mem::take(&mut self.loaded_since_check);
        let mut restored = None;
        for (index, (name, dict, entries)) in self.namespaces.iter().enumerate() {
            if !same_entries(name, dict, entries, index == 0, vm) {
                restore(name, dict, entries, index == 0, vm)?;
                restored = Some(name.clone());
            }
        }
        if let (true, Some(name)) = (loaded, restored) {
            return Ok(Check::Changed(format!("the namespace of {name}")));
        }
        for (class, tag) in &self.classes {
            if class.tp_version_tag.load(Ordering::Acquire) != *tag {
                return Ok(Check::Changed(format!("the class {}", class.name())));
            }
        }
        for (function, parts) in &self.functions {
            let now = function_parts(function, vm)?;
            if !parts.iter().zip(&now).all(|(old, new)| old.is(new)) {
                return Ok(Check::Changed("a function of the SDK".to_owned()));
            }
        }
        for (container, items) in &self.containers {
            let now = container_items(container).unwrap_or_default();
            if now.len() != items.len() || !now.iter().zip(items).all(|(old, new)| old.is(new)) {
                return Ok(Check::Changed("a container of the SDK".to_owned()));
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
        *in_module == module
            && key
                .str(vm)
                .is_ok_and(|key| key.to_string_lossy() == *name)
    })
}

fn has_volatile(module: &str) -> bool {
    VOLATILE.iter().any(|(name, _)| *name == module)
}

fn same_entries(
    name: &str,
    dict: &PyDictRef,
    entries: &Entries,
    is_modules: bool,
    vm: &VirtualMachine,
) -> bool {
    let now = dict.items_vec();
    let mut expected = entries.iter();
    let filter = !is_modules && has_volatile(name);
    for (key, value) in &now {
        if filter && volatile(name, key, vm) {
            continue;
        }
        match expected.next() {
            Some((old_key, old_value)) if old_value.is(value) && old_key.is(key) => {}
            _ => return false,
        }
    }
    expected.next().is_none()
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

fn function_parts(function: &PyObject, vm: &VirtualMachine) -> PyResult<[PyObjectRef; 3]> {
    Ok([
        function.get_attr("__code__", vm)?,
        function.get_attr("__defaults__", vm)?,
        function.get_attr("__kwdefaults__", vm)?,
    ])
}

/// The function inside a classmethod, staticmethod or property.
fn wrapped_function(value: &PyObject, vm: &VirtualMachine) -> Option<PyObjectRef> {
    let class = value.class();
    let attribute = match &*class.name() {
        "classmethod" | "staticmethod" => "__func__",
        "property" => "fget",
        _ => return None,
    };
    value.get_attr(attribute, vm).ok()
}

fn container_items(value: &PyObject) -> Option<Vec<PyObjectRef>> {
    if let Some(list) = value.downcast_ref::<PyList>() {
        return Some(list.borrow_vec().to_vec());
    }
    value.downcast_ref::<PyDict>().map(|dict| {
        dict.items_vec()
            .into_iter()
            .flat_map(|(key, value)| [key, value])
            .collect()
    })
}

/// Sizes, for the log.
impl std::fmt::Debug for Baseline {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: HashMap<&str, usize> = [
            ("namespaces", self.namespaces.len()),
            ("classes", self.classes.len()),
            ("functions", self.functions.len()),
            ("containers", self.containers.len()),
        ]
        .into();
        write!(out, "{counts:?}")
    }
}
