//! The main function of `symbot worker`: a process that runs implementation files for the bot, one request at a time.
//!
//! The interpreter has a thread of its own with a large stack (the compiler recurses with the nesting of the source); the
//! main thread only watches whether the bot still lives, and tells where a call is that takes long
//! ([`super::whereabouts`]). Requests come as frames on standard input, answers go to
//! standard output ([`super::wire`]). There is no tokio, no logger and no setting here. What keeps a worker harmless is
//! [`super::jail`]; what keeps one request from seeing another is a fresh namespace per call and [`super::baseline`].

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use rustpython_vm::builtins::{PyBaseExceptionRef, PyType};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};
use serde_json::Value;

use super::baseline::Check;
use super::native::{self, HostPipe};
use super::types::{FailureKind, HostError, Inspection};
use super::wire::{
    self, CallReply, CallRequest, FromWorker, OwnTime, ReplyFailure, SOURCE_MAX_BYTES, ToWorker,
};
use super::{data, footprint, inherited, jail, natives, vm, whereabouts};

/// 50,000 nested operators need between 8 and 16 MB in the compiler (measured); sources are at most 256 KB.
const STACK_BYTES: usize = 64 << 20;
/// How often the main thread looks whether the bot is still its parent.
const PARENT_CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A worker is replaced after this many requests, against slow growth of whatever kind.
const RETIRE_AFTER_REQUESTS: u32 = 20_000;
/// A worker is replaced after it has run handlers for this long, well before the CPU limit of the jail ends it.
const RETIRE_AFTER_BUSY: Duration = Duration::from_secs(900);

/// Exit codes for the bot's log; nobody else sees them.
const EXIT_DONE: i32 = 0;
const EXIT_BROKEN: i32 = 70;

/// Runs a worker until the bot closes its standard input. Returns the exit code.
#[must_use]
pub fn main() -> i32 {
    inherited::close_all();
    let program = footprint::ReadOnly::find();
    let weakened = match jail::enter() {
        Ok(weakened) => weakened,
        Err(error) => return complain(&error),
    };
    let parent = rustix::process::getppid();
    let (done, ended) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("python".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let result = serve(weakened, &program);
            let _ = done.send(result);
        });
    if let Err(error) = thread {
        return complain(&format!("no thread for Python: {error}"));
    }
    let mut pause = PARENT_CHECK_INTERVAL;
    loop {
        match ended.recv_timeout(pause) {
            Ok(Ok(())) => return EXIT_DONE,
            Ok(Err(error)) => return complain(&error),
            Err(mpsc::RecvTimeoutError::Disconnected) => return EXIT_BROKEN,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if rustix::process::getppid() != parent {
                    return EXIT_DONE;
                }
                let next = whereabouts::look();
                pause = next.map_or(PARENT_CHECK_INTERVAL, |next| {
                    next.min(PARENT_CHECK_INTERVAL)
                });
            }
        }
    }
}

fn complain(error: &str) -> i32 {
    let _ = writeln!(std::io::stderr(), "symbot worker: {error}");
    EXIT_BROKEN
}

/// Says something to the bot, whole: two threads do.
pub(super) fn say(message: &FromWorker) -> Result<(), String> {
    let bytes = wire::frame(message)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(|error| format!("the bot does not listen: {error}"))
}

/// The pipe to the bot.
struct Pipe;

impl Pipe {
    /// `None` at the end of input.
    fn receive(&self) -> Result<Option<ToWorker>, String> {
        wire::read_blocking(&mut std::io::stdin().lock())
    }
}

impl HostPipe for Pipe {
    fn ask(&mut self, name: &str, mut arguments: Value) -> Result<Value, HostError> {
        cut_from_data(&mut arguments);
        let broken = |message: String| HostError {
            class: "SymException".to_owned(),
            name: "HOST".to_owned(),
            message,
        };
        say(&FromWorker::Host {
            name: name.to_owned(),
            arguments,
        })
        .map_err(broken)?;
        match self.receive() {
            Ok(Some(ToWorker::Answer { value, now_ns })) => {
                native::advance_clock(now_ns);
                Ok(value)
            }
            Ok(Some(ToWorker::Raise { error, now_ns })) => {
                native::advance_clock(now_ns);
                Err(error)
            }
            // The bot is gone, or speaks nonsense: nothing that is computed here can matter any more.
            _ => std::process::exit(EXIT_BROKEN),
        }
    }

    fn output(&mut self, text: &str, error: bool) {
        let _ = say(&FromWorker::Output {
            text: text.to_owned(),
            error,
        });
    }
}

/// The entry points of the driver.
pub(super) struct Driver {
    pub(super) call: PyObjectRef,
    inspect: PyObjectRef,
    script: PyObjectRef,
    /// Modules that a code object imports.
    imports: PyObjectRef,
    /// To be called when they were loaded.
    loaded: PyObjectRef,
}

fn serve(mut weakened: Vec<String>, program: &footprint::ReadOnly) -> Result<(), String> {
    vm::interpreter().enter(|vm| {
        native::connect(Box::new(Pipe));
        let driver = warm_up(vm)
            .map_err(|error| format!("the SDK does not load: {}", describe(&error, vm)))?;
        footprint::release(program);
        practise(&driver, vm)
            .and_then(|()| native::with_baseline(|baseline| baseline.check(vm)))
            .map_err(|error| describe(&error, vm))?;
        weakened.extend(jail::seal()?);
        say(&FromWorker::Ready { weakened })?;
        let mut busy = Duration::ZERO;
        for count in 1.. {
            let Some(request) = Pipe.receive()? else {
                break;
            };
            let once = matches!(request, ToWorker::Script(_));
            let start = tokio::time::Instant::now();
            let answer = match prepare(&driver, &request, vm) {
                Ok(()) => handle(&driver, request, vm),
                Err(error) => return Err(describe(&error, vm)),
            };
            busy += start.elapsed();
            say(&answer)?;
            if once {
                break;
            }
            let state = native::with_baseline(|baseline| baseline.check(vm));
            let reason = match state {
                Ok(Check::Clean) if count >= RETIRE_AFTER_REQUESTS => "many requests".to_owned(),
                Ok(Check::Clean) if busy > RETIRE_AFTER_BUSY => "long use".to_owned(),
                Ok(Check::Clean) => {
                    say(&FromWorker::Idle)?;
                    continue;
                }
                Ok(Check::Changed(what)) => format!("an implementation changed {what}"),
                Err(_) => "the state cannot be checked".to_owned(),
            };
            say(&FromWorker::Retire { reason })?;
            break;
        }
        // Finalizers and exit functions of implementations have no business here.
        std::process::exit(EXIT_DONE)
    })
}

pub(super) fn warm_up(vm: &VirtualMachine) -> PyResult<Driver> {
    native::with_baseline(|baseline| baseline.arm(vm))?;
    make_repeatable(vm)?;
    set_time(vm)?;
    vm.import("_symbot.warm", 0)?;
    let driver = vm.import("_symbot.driver", 0)?.get_attr("driver", vm)?;
    let driver = Driver {
        call: driver.get_attr("call", vm)?,
        inspect: driver.get_attr("inspect", vm)?,
        script: driver.get_attr("script", vm)?,
        imports: driver.get_attr("imports_of", vm)?,
        loaded: driver.get_attr("loaded", vm)?,
    };
    // What a first call makes and keeps belongs to the record.
    practise(&driver, vm)?;
    native::with_baseline(|baseline| baseline.record(vm))?;
    Ok(driver)
}

/// A call of nothing: what calls need is then at hand when the first request comes.
fn practise(driver: &Driver, vm: &VirtualMachine) -> PyResult<()> {
    let request = serde_json::json!({"file": "", "source": "", "handlers": [], "input": null});
    let argument = data::to_python(&request, vm)?;
    driver.call.call((argument,), vm).map(drop)
}

/// Makes random generators without a seed ask the host for one (Python code cannot change their class), and gives the
/// thread a number that is the same in every process.
fn make_repeatable(vm: &VirtualMachine) -> PyResult<()> {
    fn init(generator: &PyObject, mut arguments: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        arguments.prepend_arg(generator.to_owned());
        natives::module("_random", vm)?
            .get_attr("Random", vm)?
            .get_attr("seed", vm)?
            .call(arguments, vm)
            .map(drop)
    }
    let repeatable = vm.import("_symbot.repeatable", 0)?;
    let repeatable = repeatable.get_attr("repeatable", vm)?;
    let threads = vm.import("_thread", 0)?;
    for name in ["get_ident", "get_native_id", "_get_main_thread_ident"] {
        threads.set_attr(name, repeatable.get_attr("get_ident", vm)?, vm)?;
    }
    let seed = repeatable.get_attr("seed", vm)?;
    let class = vm
        .import("_random", 0)?
        .get_attr("Random", vm)?
        .downcast::<PyType>()
        .map_err(|_| vm.new_runtime_error("random has no class"))?;
    class.set_attr(vm.ctx.intern_str("seed"), seed);
    class.slots.init.store(Some(init));
    class.modified();
    Ok(())
}

/// Makes the classes of `datetime` ask the host what time it is; Python code cannot change them.
fn set_time(vm: &VirtualMachine) -> PyResult<()> {
    let clock = vm.import("_symbot.clock", 0)?;
    let clock = clock.get_attr("clock", vm)?;
    let datetime = vm.import("datetime", 0)?;
    let classmethod = vm.ctx.types.classmethod_type;
    for (class, method, function) in [
        ("datetime", "now", "now"),
        ("datetime", "utcnow", "utcnow"),
        ("datetime", "today", "today_datetime"),
        ("date", "today", "today_date"),
    ] {
        let function = clock.get_attr(function, vm)?;
        let method_object = classmethod.as_object().call((function,), vm)?;
        let class = datetime
            .get_attr(class, vm)?
            .downcast::<PyType>()
            .map_err(|_| vm.new_runtime_error("datetime has no classes"))?;
        class.set_attr(vm.ctx.intern_str(method), method_object);
        class.modified();
    }
    Ok(())
}

/// Compiles a source that is new here and loads the modules that it imports, while the interpreter is still clean: the
/// record may then be extended. Not for scripts, whose worker serves nobody else.
fn prepare(driver: &Driver, request: &ToWorker, vm: &VirtualMachine) -> PyResult<()> {
    let (file, source) = match request {
        ToWorker::Call(request) => (&*request.file, &*request.source),
        ToWorker::Inspect { file, source } => (&**file, &**source),
        _ => return Ok(()),
    };
    if source.len() > SOURCE_MAX_BYTES || native::knows(source, file) {
        return Ok(());
    }
    // Errors are the driver's to tell.
    let Ok(code) = native::remember(source, file, vm) else {
        return Ok(());
    };
    let inspecting = matches!(request, ToWorker::Inspect { .. });
    let names = {
        let names = driver.imports.call((code, inspecting), vm)?;
        data::to_json(&names, vm)?
    };
    let Value::Array(names) = names else {
        return Ok(());
    };
    for name in names.iter().filter_map(Value::as_str) {
        // A module that does not load fails again, with its error, when the source imports it.
        let _ = vm.import(&vm.ctx.new_str(name), 0);
    }
    if names.is_empty() {
        // Constants of the code are no survivors of the call.
        native::with_baseline(|baseline| baseline.admit(vm));
        Ok(())
    } else {
        driver.loaded.call((), vm)?;
        native::with_baseline(|baseline| baseline.record(vm))
    }
}

pub(super) fn describe(error: &PyBaseExceptionRef, vm: &VirtualMachine) -> String {
    let mut text = String::new();
    let _ = vm.write_exception(&mut text, error);
    text
}

fn handle(driver: &Driver, request: ToWorker, vm: &VirtualMachine) -> FromWorker {
    match request {
        ToWorker::Call(request) => {
            if let Some(failure) = too_large(&request.file, &request.source) {
                return FromWorker::Called(failed(failure));
            }
            native::seed(&request.seed);
            native::set_clock(request.now_ns, request.hurry);
            let file = request.file.clone();
            native::start_watch();
            whereabouts::begin(&file, Duration::from_millis(request.deadline_ms));
            let reply = invoke(&driver.call, &arguments(request), vm);
            whereabouts::end();
            let reply = reply.and_then(read::<CallReply>);
            let reply = reply.unwrap_or_else(|untold| failed(broken(file, untold)));
            FromWorker::Called(CallReply {
                own: native::own_time(),
                ..without_addresses(reply)
            })
        }
        ToWorker::Inspect { file, source } => {
            if let Some(failure) = too_large(&file, &source) {
                return FromWorker::Inspected(refused(failure.message));
            }
            native::seed(&file);
            native::set_clock(now_ns(), false);
            let request = serde_json::json!({"file": file, "source": source});
            let reply = invoke(&driver.inspect, &request, vm).and_then(read::<Inspection>);
            FromWorker::Inspected(reply.unwrap_or_else(|untold| refused(untold.message)))
        }
        ToWorker::Script(request) => {
            native::seed(&uuid::Uuid::new_v4().to_string());
            native::set_clock(now_ns(), false);
            let code = plain(&request)
                .ok()
                .and_then(|request| invoke(&driver.script, &request, vm).ok())
                .and_then(|value| value.as_i64())
                .and_then(|code| i32::try_from(code).ok());
            FromWorker::Ended {
                code: code.unwrap_or(1),
            }
        }
        ToWorker::Answer { .. } | ToWorker::Raise { .. } => FromWorker::Called(failed(broken(
            String::new(),
            untold("no call is waiting".to_owned()),
        ))),
    }
}

/// What the driver is called with; moved, not copied.
fn arguments(request: CallRequest) -> Value {
    let handlers = request.handlers.into_iter().map(Value::String).collect();
    let fields = [
        ("file", Value::String(request.file)),
        ("source", Value::String((*request.source).to_owned())),
        ("handlers", Value::Array(handlers)),
        ("input", request.input),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.into_iter().collect())
}

fn plain<T: serde::Serialize>(request: &T) -> Result<Value, String> {
    serde_json::to_value(request).map_err(|error| error.to_string())
}

/// Why an entry point gave nothing that can be told: results that are too large or cannot be handed over.
struct Untold {
    /// The handler whose result it is, where one is to blame.
    handler: Option<String>,
    message: String,
}

/// Calls an entry point with plain data. Errors that the driver does not describe itself come as text.
fn invoke(function: &PyObjectRef, request: &Value, vm: &VirtualMachine) -> Result<Value, Untold> {
    let mut handler = None;
    let mut run = || {
        let argument = data::to_python(request, vm)?;
        let answer = function.call((argument,), vm)?;
        data::to_json(&answer, vm).inspect_err(|_| handler = to_blame(&answer, vm))
    };
    let result = run();
    result.map_err(|error| {
        let text = error
            .as_object()
            .str(vm)
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default();
        Untold {
            handler,
            message: format!("{}: {text}", error.class().name()),
        }
    })
}

/// The handler whose result cannot be handed over; `None` where each can be, or where the answer is no answer of handlers.
fn to_blame(answer: &PyObject, vm: &VirtualMachine) -> Option<String> {
    let results = answer.get_item("results", vm).ok()?;
    let results: Vec<PyObjectRef> = results.try_to_value(vm).ok()?;
    results.iter().find_map(|pair| {
        let result = pair.get_item(&1, vm).ok()?;
        data::to_json(&result, vm).err()?;
        let name = pair.get_item(&0, vm).ok()?;
        name.str(vm)
            .ok()
            .map(|name| name.to_string_lossy().into_owned())
    })
}

/// The time where no call brings it: of inspections and scripts, which are not recorded.
fn now_ns() -> u64 {
    u64::try_from(crate::clock::now().0).unwrap_or(0) * 1_000_000
}

/// `<object at 0x7f…>` without the number, which differs from process to process: a replayed call must tell the same. What
/// people are told of a failure, and prints, lose every such number; data loses it only where it stands as Python writes it.
fn without_addresses(mut reply: CallReply) -> CallReply {
    let all = |text: &mut String| cut_addresses(text, |_| true);
    all(&mut reply.printed);
    if let Some(failure) = &mut reply.failure {
        all(&mut failure.message);
        failure.traceback.as_mut().map(all);
    }
    for (_, result) in &mut reply.results {
        cut_from_data(result);
    }
    reply
}

/// Cuts numbers after ` at 0x` if what follows them is as wanted.
fn cut_addresses(text: &mut String, wanted: impl Fn(&str) -> bool) {
    const MARK: &str = " at 0x";
    let mut from = 0;
    while let Some(found) = text[from..].find(MARK) {
        let start = from + found + MARK.len();
        let digits = text[start..]
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count();
        if wanted(&text[start + digits..]) {
            text.replace_range(start..start + digits, "");
        }
        from = start;
    }
}

fn cut_from_data(value: &mut Value) {
    let cut = |text: &mut String| {
        cut_addresses(text, |rest| {
            [">", ";", ": ", ", file "]
                .iter()
                .any(|end| rest.starts_with(end))
        });
    };
    match value {
        Value::String(text) => cut(text),
        Value::Array(items) => items.iter_mut().for_each(cut_from_data),
        Value::Object(entries) => {
            if entries.keys().any(|key| key.contains(" at 0x")) {
                for (mut key, entry) in std::mem::take(entries) {
                    cut(&mut key);
                    entries.insert(key, entry);
                }
            }
            entries.values_mut().for_each(cut_from_data);
        }
        _ => {}
    }
}

fn failed(failure: ReplyFailure) -> CallReply {
    CallReply {
        results: Vec::new(),
        failure: Some(failure),
        printed: String::new(),
        own: OwnTime::default(),
    }
}

fn untold(message: String) -> Untold {
    Untold {
        handler: None,
        message,
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Untold> {
    serde_json::from_value(value).map_err(|error| untold(error.to_string()))
}

fn broken(file: String, untold: Untold) -> ReplyFailure {
    ReplyFailure {
        kind: FailureKind::WrongResult,
        handler: untold.handler,
        exception: None,
        message: untold.message,
        file: Some(file),
        line: None,
        traceback: None,
    }
}

fn too_large(file: &str, source: &str) -> Option<ReplyFailure> {
    (source.len() > SOURCE_MAX_BYTES).then(|| ReplyFailure {
        kind: FailureKind::Syntax,
        handler: None,
        exception: None,
        message: format!(
            "the file has {} bytes; an implementation may have {SOURCE_MAX_BYTES}",
            source.len()
        ),
        file: Some(file.to_owned()),
        line: None,
        traceback: None,
    })
}

fn refused(message: String) -> Inspection {
    Inspection {
        problems: vec![super::types::PythonProblem {
            error: true,
            line: 1,
            column: 1,
            message,
            hint: None,
        }],
        ..Inspection::default()
    }
}
