//! What the interpreter looked like before any implementation ran, and putting it back after each call.
//!
//! Python lets code change whatever it can reach: attributes of modules (`json.dumps = …`), entries of `sys.modules`,
//! classes, functions (`re.match.__code__ = …`), lists and dicts deep inside the standard library. One request must not
//! see what another left there, so *everything* is recorded, not a list of likely places: every object that the garbage
//! collector knows and everything that can be reached from those, each with what it refers to. After each call
//!
//! - caches whose content is a matter of speed alone are emptied (`lru_cache`, `isinstance` of abstract classes);
//! - garbage is collected, so that finalizers of one request do not run in the next;
//! - every recorded object is compared. Dicts, lists and sets that differ are put back; that may run code of the
//!   implementation (finalizers again), so it counts only when a later comparison finds no difference at all. Anything
//!   else that differs (a class, a function, …) cannot be put back with certainty: the worker retires;
//! - nothing may be alive that was not there before. This covers places that cannot be compared, such as the tables of
//!   the interpreter itself: an object that still lives is held by something, and the worker retires;
//! - state of the interpreter that is in no object is compared, or put back ([`super::natives`]).
//!
//! The record is made only while no code of an implementation has run since the last clean check: at the start, and when
//! [`super::worker`] loads modules that the next implementation imports. Modules loaded later, by the implementation
//! itself, are forgotten after the call.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use rustpython_vm::builtins::{PyDict, PyFunction, PyInt, PyList, PySet, PyType};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::gc_state::gc_state;
use rustpython_vm::object::Traverse;
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyResult, VirtualMachine};

use super::natives::Natives;

/// Comparisons after one call. The first puts back, the second usually finds nothing; more means that finalizers keep
/// changing things.
const PASSES_MAX: usize = 4;

/// Native types without anything to assign to (weak references: their death shows in what held them). Instances of classes
/// derived from them are another matter: they can have a `__dict__`, and their `__class__` can be set.
const IMMUTABLE: [&str; 18] = [
    "NoneType",
    "bool",
    "bytes",
    "code",
    "complex",
    "float",
    "frozenset",
    "int",
    "str",
    "tuple",
    "object",
    "ReferenceType",
    "Pattern",
    "classmethod_descriptor",
    "getset_descriptor",
    "member_descriptor",
    "method_descriptor",
    "wrapper_descriptor",
];

/// How an object is compared.
enum Kind {
    /// By what it refers to; put back.
    Dict,
    List,
    Set,
    /// By the VM's version number, which changes when an attribute is set.
    Class {
        version: u32,
        /// Name and qualified name, held so that their addresses are not used again; `None` for classes that can be given
        /// no other.
        names: Option<[PyObjectRef; 2]>,
    },
    /// By the VM's version number, which changes when code or defaults are set, and by what it refers to.
    Function {
        version: u32,
    },
    /// By what it refers to, without the cache, which is emptied.
    LruCache,
    /// By what it refers to, without the time differences that it remembers: they mean the same to everybody.
    TimeZones,
    /// Must be free, or the next call would wait for it.
    Lock,
    /// By what it refers to.
    Other,
}

struct Recorded {
    object: PyObjectRef,
    kind: Kind,
    /// Its part of [`Baseline::children`].
    start: usize,
    end: usize,
}

/// Functions of the interpreter that empty caches, taken before an implementation could replace them.
struct Emptying {
    lru_clear: PyObjectRef,
    abc_reset: PyObjectRef,
    /// Changes when a class is registered with an abstract class.
    abc_token: PyObjectRef,
}

/// The recorded state.
#[derive(Default)]
pub struct Baseline {
    recorded: Vec<Recorded>,
    /// Addresses of what the recorded objects refer to, one after the other.
    children: Vec<usize>,
    /// Everything that was found, by address; held, so that no address is used again.
    known: HashMap<usize, PyObjectRef>,
    lru_caches: Vec<PyObjectRef>,
    abstract_classes: Vec<PyObjectRef>,
    emptying: Option<Emptying>,
    registrations: Option<PyObjectRef>,
    natives: Option<Natives>,
    /// What came with compiled files since the record was made, held.
    admitted: Vec<PyObjectRef>,
    /// Empty caches among that; an emptied cache may have got a new dict, which keeps what comes into it.
    admitted_empty: Vec<PyObjectRef>,
    /// The size of the permanent generation, where [`Self::known`] and [`Self::admitted`] are: as all of it is held, it can
    /// only grow, and whoever makes it grow hides something from [`Self::survivor`].
    permanent: usize,
}

/// The outcome of a check.
#[derive(Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing was changed, or everything was put back.
    Clean,
    /// Something was changed that cannot be put back.
    Changed(String),
}

/// The outcome of one comparison.
pub(super) enum Pass {
    Same,
    /// That may have run code of the implementation.
    PutBack(String),
    Changed(String),
}

impl Baseline {
    /// Takes the functions that empty caches. Comes before `_symbot.warm`, which takes them away from everybody else.
    ///
    /// # Errors
    /// When they are not there.
    pub fn arm(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        self.emptying = Some(Emptying::find(vm)?);
        self.natives = Some(Natives::find(vm)?);
        Ok(())
    }

    /// Takes what is alive and new for harmless: what came with compiled files. Must be called from Rust, with no Python
    /// frame active, while no code of an implementation has run since the last clean check.
    pub fn admit(&mut self, vm: &VirtualMachine) {
        for generation in 0..=2 {
            for object in vm.state.gc.get_objects(Some(generation)) {
                if harmless(&object, vm) {
                    self.admitted_empty.push(object);
                } else {
                    self.admitted.push(object);
                }
            }
        }
        vm.state.gc.freeze();
        self.permanent = gc_state().get_freeze_count();
    }

    /// Gives up what was admitted.
    pub fn dismiss(&mut self) {
        self.admitted.clear();
        self.admitted_empty.clear();
    }

    /// Records everything there is. Must be called from Rust, with no Python frame active.
    ///
    /// # Errors
    /// When the interpreter's own state cannot be read.
    pub fn record(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        *self = Self {
            emptying: self.emptying.take(),
            natives: self.natives.take(),
            ..Self::default()
        };
        if let Some(natives) = &mut self.natives {
            natives.record(vm)?;
        }
        vm.state.gc.collect_force(2);
        vm.state.gc.freeze();
        self.find_all(vm)?;
        // Emptying replaces dicts inside the caches; what is recorded is the emptied state.
        self.empty_caches(vm)?;
        vm.state.gc.collect_force(2);
        vm.state.gc.freeze();
        self.known.clear();
        self.recorded.clear();
        self.children.clear();
        self.find_all(vm)?;
        self.registrations = Some(self.registrations(vm)?);
        self.permanent = gc_state().get_freeze_count();
        Ok(())
    }

    fn find_all(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        self.lru_caches.clear();
        self.abstract_classes.clear();
        let mut todo = vm.state.gc.get_objects(None);
        let mut class_dicts = HashSet::new();
        while let Some(object) = todo.pop() {
            if self.known.contains_key(&object.get_id()) {
                continue;
            }
            let start = self.children.len();
            each_child(&object, &mut |child| {
                self.children.push(child.get_id());
                todo.push(child.to_owned());
            });
            self.known.insert(object.get_id(), object.clone());
            if immutable(&object) {
                self.children.truncate(start);
                continue;
            }
            if let Some(class) = object.downcast_ref::<PyType>() {
                class.traverse(&mut |child: &PyObject| {
                    if child.downcast_ref::<PyDict>().is_some() {
                        class_dicts.insert(child.get_id());
                    }
                });
                if class
                    .get_attr(vm.ctx.intern_str("_abc_impl"))
                    .is_some_and(|found| &*found.class().name() == "_abc_data")
                {
                    self.abstract_classes.push(object.clone());
                }
            }
            let mut end = self.children.len();
            let kind = kind_of(&object, vm)?;
            match kind {
                Kind::Class { .. } => {
                    // Its list of subclasses and its inline caches change without anybody's doing.
                    self.children.truncate(start);
                    end = start;
                }
                Kind::LruCache => {
                    self.children.pop();
                    end -= 1;
                    self.lru_caches.push(object.clone());
                }
                Kind::TimeZones => {
                    self.children.truncate(start);
                    each_child(&object, &mut |child| {
                        if !is_timedelta(child) {
                            self.children.push(child.get_id());
                        }
                    });
                    end = self.children.len();
                }
                _ => {}
            }
            self.recorded.push(Recorded {
                object,
                kind,
                start,
                end,
            });
        }
        for recorded in &mut self.recorded {
            // A class whose namespace was changed behind its back may have been cached meanwhile.
            if matches!(recorded.kind, Kind::Dict)
                && class_dicts.contains(&recorded.object.get_id())
            {
                recorded.kind = Kind::Other;
            }
        }
        self.sort();
        Ok(())
    }

    /// Brings the record into the order of addresses: reading memory in order is what makes the comparison cheap.
    fn sort(&mut self) {
        self.recorded
            .sort_unstable_by_key(|recorded| recorded.object.get_id());
        let mut sorted = Vec::with_capacity(self.children.len());
        for recorded in &mut self.recorded {
            let start = sorted.len();
            sorted.extend_from_slice(&self.children[recorded.start..recorded.end]);
            (recorded.start, recorded.end) = (start, sorted.len());
        }
        self.children = sorted;
        self.recorded.shrink_to_fit();
    }

    fn empty_caches(&self, vm: &VirtualMachine) -> PyResult<()> {
        let Some(emptying) = &self.emptying else {
            return Ok(());
        };
        for cache in &self.lru_caches {
            emptying.lru_clear.call((cache.clone(),), vm)?;
        }
        for class in &self.abstract_classes {
            emptying.abc_reset.call((class.clone(),), vm)?;
        }
        Ok(())
    }

    /// True if there was something to empty.
    fn empty_admitted(&self, vm: &VirtualMachine) -> bool {
        let mut emptied = false;
        for object in &self.admitted_empty {
            if harmless(object, vm) {
                continue;
            }
            emptied = true;
            if let Some(dict) = object.downcast_ref::<PyDict>() {
                PyDict::clear(dict);
            } else if let Some(set) = object.downcast_ref::<PySet>() {
                set.clear();
            }
        }
        emptied
    }

    fn registrations(&self, vm: &VirtualMachine) -> PyResult {
        match &self.emptying {
            Some(emptying) => emptying.abc_token.call(FuncArgs::default(), vm),
            None => Ok(vm.ctx.none()),
        }
    }

    /// Compares with the record and puts back what can be put back.
    ///
    /// # Errors
    /// When the interpreter's own state cannot be read or written; the worker must then not be used again.
    pub fn check(&self, vm: &VirtualMachine) -> PyResult<Check> {
        let mut what = String::new();
        for _ in 0..PASSES_MAX {
            self.empty_caches(vm)?;
            vm.state.gc.collect_force(2);
            let natives = match &self.natives {
                Some(natives) => natives.check(vm)?,
                None => Pass::Same,
            };
            let natives = match natives {
                Pass::Same if self.empty_admitted(vm) => Pass::PutBack("a cache".to_owned()),
                other => other,
            };
            match (natives, self.compare(vm)?) {
                (Pass::Changed(what), _) | (_, Pass::Changed(what)) => {
                    return Ok(Check::Changed(what));
                }
                (Pass::PutBack(name), _) | (_, Pass::PutBack(name)) => what = name,
                (Pass::Same, Pass::Same) => {
                    return Ok(match self.survivor(vm) {
                        None => Check::Clean,
                        Some(what) => Check::Changed(what),
                    });
                }
            }
        }
        Ok(Check::Changed(format!("{what} again and again")))
    }

    fn compare(&self, vm: &VirtualMachine) -> PyResult<Pass> {
        let now = self.registrations(vm)?;
        let token = |value: &PyObject| {
            value
                .downcast_ref::<PyInt>()
                .map(|int| int.as_bigint().clone())
        };
        if self.registrations.as_deref().map(token) != Some(token(&now)) {
            return Ok(Pass::Changed(
                "what an abstract class stands for".to_owned(),
            ));
        }
        let mut put_back = None;
        for recorded in &self.recorded {
            let same = match recorded.kind {
                Kind::Lock => {
                    let locked = vm.call_method(&recorded.object, "locked", ())?;
                    !locked.try_to_bool(vm)?
                }
                _ => self.same(recorded),
            };
            if same {
                continue;
            }
            let what = format!("a {}", recorded.object.class().name());
            match &recorded.kind {
                Kind::Dict | Kind::List | Kind::Set => {
                    self.put_back(recorded, vm)?;
                    put_back = Some(what);
                }
                Kind::Class { .. } => {
                    let name = recorded.object.downcast_ref::<PyType>();
                    let name = name.map_or_else(|| "?".to_owned(), |class| class.name().to_owned());
                    return Ok(Pass::Changed(format!("the class {name}")));
                }
                Kind::Function { .. } => {
                    let name = recorded.object.get_attr("__qualname__", vm);
                    let name = name.and_then(|name| name.str(vm)).map_or_else(
                        |_| "?".to_owned(),
                        |name| name.to_string_lossy().into_owned(),
                    );
                    return Ok(Pass::Changed(format!("the function {name}")));
                }
                Kind::LruCache | Kind::TimeZones | Kind::Lock | Kind::Other => {
                    return Ok(Pass::Changed(what));
                }
            }
        }
        Ok(put_back.map_or(Pass::Same, Pass::PutBack))
    }

    fn same(&self, recorded: &Recorded) -> bool {
        match &recorded.kind {
            Kind::Class { version, names } => {
                return recorded
                    .object
                    .downcast_ref::<PyType>()
                    .is_some_and(|class| {
                        class.tp_version_tag.load(Ordering::Acquire) == *version
                            && same_names(class, names.as_ref())
                    });
            }
            Kind::Function { version } => {
                let now = recorded.object.downcast_ref::<PyFunction>();
                if now.is_none_or(|function| function.func_version() != *version) {
                    return false;
                }
            }
            _ => {}
        }
        let expected = &self.children[recorded.start..recorded.end];
        let (mut count, mut same) = (0, true);
        // Most of the time of a check is spent here: the closure goes to the object as it is.
        let object: &PyObject = &recorded.object;
        if matches!(recorded.kind, Kind::TimeZones) {
            object.traverse(&mut |child: &PyObject| {
                if !is_timedelta(child) {
                    same &= expected
                        .get(count)
                        .is_some_and(|old| *old == child.get_id());
                    count += 1;
                }
            });
            return same && count == expected.len();
        }
        object.traverse(&mut |child: &PyObject| {
            same &= expected.get(count).is_none_or(|old| *old == child.get_id());
            count += 1;
        });
        let uncompared = usize::from(matches!(recorded.kind, Kind::LruCache));
        same && count == expected.len() + uncompared
    }

    fn put_back(&self, recorded: &Recorded, vm: &VirtualMachine) -> PyResult<()> {
        let gone = || vm.new_runtime_error("an object of the record is gone");
        let mut old = Vec::with_capacity(recorded.end - recorded.start);
        for address in &self.children[recorded.start..recorded.end] {
            old.push(self.known.get(address).cloned().ok_or_else(gone)?);
        }
        if let Some(dict) = recorded.object.downcast_ref::<PyDict>() {
            PyDict::clear(dict);
            for entry in old.chunks_exact(2) {
                dict.set_item(entry[0].as_object(), entry[1].clone(), vm)?;
            }
        } else if let Some(list) = recorded.object.downcast_ref::<PyList>() {
            let replaced = std::mem::replace(&mut *list.borrow_vec_mut(), old);
            drop(replaced);
        } else if let Some(set) = recorded.object.downcast_ref::<PySet>() {
            set.clear();
            for element in old {
                set.add(element, vm)?;
            }
        }
        Ok(())
    }

    /// Something that is alive and was not there before.
    fn survivor(&self, vm: &VirtualMachine) -> Option<String> {
        if gc_state().get_freeze_count() != self.permanent {
            return Some("what the garbage collector looks at".to_owned());
        }
        for generation in 0..=2 {
            for object in vm.state.gc.get_objects(Some(generation)) {
                if !self.known.contains_key(&object.get_id()) && !harmless(&object, vm) {
                    return Some(format!(
                        "something that still holds a {}",
                        object.class().name()
                    ));
                }
            }
        }
        None
    }
}

impl Emptying {
    fn find(vm: &VirtualMachine) -> PyResult<Self> {
        let abc = vm.import("_abc", 0)?;
        let lru = vm
            .import("_functools", 0)?
            .get_attr("_lru_cache_wrapper", vm)?;
        Ok(Self {
            lru_clear: lru.get_attr("cache_clear", vm)?,
            abc_reset: abc.get_attr("_reset_caches", vm)?,
            abc_token: abc.get_attr("get_cache_token", vm)?,
        })
    }
}

/// What an object refers to. (A reference has a `traverse` of its own, which gives the object itself.)
fn each_child(object: &PyObject, visit: &mut dyn FnMut(&PyObject)) {
    object.traverse(&mut |child| visit(child));
}

/// What cannot be changed by anybody, whatever it refers to.
fn immutable(object: &PyObject) -> bool {
    let class = object.class();
    class.heaptype_ext.is_none() && IMMUTABLE.contains(&&*class.name())
}

/// Data without behaviour and without content, which the interpreter itself makes and keeps: empty caches. An abstract class
/// gets its sets at the first `isinstance`, and emptying them leaves them there. Whoever fills one later is found out then.
fn harmless(object: &PyObject, vm: &VirtualMachine) -> bool {
    if let Some(set) = object.downcast_ref::<PySet>() {
        return object.class().is(vm.ctx.types.set_type) && set.elements().is_empty();
    }
    object.class().is(vm.ctx.types.dict_type)
        && object
            .downcast_ref::<PyDict>()
            .is_some_and(|dict| dict.is_empty())
}

fn is_timedelta(object: &PyObject) -> bool {
    let class = object.class();
    class.heaptype_ext.is_none() && &*class.name() == "timedelta"
}

fn kind_of(object: &PyObject, vm: &VirtualMachine) -> PyResult<Kind> {
    if let Some(class) = object.downcast_ref::<PyType>() {
        return Ok(Kind::Class {
            version: version_of(class, vm)?,
            names: class.heaptype_ext.as_ref().map(|ext| {
                let (name, qualified) = (ext.name.read().clone(), ext.qualname.read().clone());
                [name.into(), qualified.into()]
            }),
        });
    }
    if let Some(function) = object.downcast_ref::<PyFunction>() {
        return Ok(Kind::Function {
            version: function.get_version_for_current_state(),
        });
    }
    let class = object.class();
    Ok(if class.is(vm.ctx.types.dict_type) {
        Kind::Dict
    } else if class.is(vm.ctx.types.list_type) {
        Kind::List
    } else if class.is(vm.ctx.types.set_type) {
        Kind::Set
    } else {
        match &*class.name() {
            "_lru_cache_wrapper" => Kind::LruCache,
            "_zoneinfo_state" => Kind::TimeZones,
            "lock" | "RLock" => Kind::Lock,
            _ => Kind::Other,
        }
    })
}

/// Whether a class still has its names: giving it others does not change its version.
fn same_names(class: &Py<PyType>, names: Option<&[PyObjectRef; 2]>) -> bool {
    match (class.heaptype_ext.as_ref(), names) {
        (None, None) => true,
        (Some(ext), Some([name, qualified])) => {
            ext.name.read().as_object().is(name) && ext.qualname.read().as_object().is(qualified)
        }
        _ => false,
    }
}

/// Looking an attribute up makes the VM give the class a version.
fn version_of(class: &Py<PyType>, vm: &VirtualMachine) -> PyResult<u32> {
    let _ = class.get_attr(vm.ctx.intern_str("__doc__"));
    match class.tp_version_tag.load(Ordering::Acquire) {
        0 => Err(vm.new_runtime_error(format!("the class {} has no version", class.name()))),
        version => Ok(version),
    }
}

#[cfg(test)]
mod tests;
