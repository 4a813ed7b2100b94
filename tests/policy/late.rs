//! Modules that a worker loads only for files that name them, reached without naming them: what reaches them works or fails cleanly,
//! and the next call finds nothing of it. (Files that name them are prepared for, see [`crate::isolation`].)

use crate::support::{PERMISSIONS, RUNTIME, call, idle_again, one_worker, permissions_after};
use symbot::policy::pool::Pool;
use symbot::policy::types::FailureKind;

/// Lines that reach something late, and what they print, or the exception that they end with.
enum Comes {
    To(&'static str),
    Raised(&'static str),
}
use Comes::{Raised, To};

const DATES: &str = "import datetime\nstrptime = getattr(datetime.datetime, 'strp' + 'time')\n";

/// What the next call must find as it always is, whatever was loaded before it: the table of modules, the codecs, the context of `decimal`, and
/// no thread.
const LOOK: &str = "\
import datetime, decimal, enum, json, logging, re, statistics
late = ('graphlib', 'encodings.idna', 'encodings.koi8_r', 'encodings.punycode')
print([name for name in late if name in enum.sys.modules], logging.threading._active_limbo_lock.locked())
print(decimal.getcontext().prec, decimal.Decimal('1') / 3, statistics.mean([1, 3]))
print(datetime.datetime.strptime('2026-03-01', '%Y-%m-%d').date(), datetime.datetime.now().year)
print('x'.encode('utf-16-le'), 'ü'.encode('cp1252'), 'bücher'.encode('idna'))
print(json.dumps({'a': [1.5, None]}), re.sub('a+', 'b', 'caat'))
try:
    logging.threading.Thread(target=print).start()
except RuntimeError as error:
    print(error)
print(logging.threading.active_count(), logging.root.handlers)
";

/// What [`LOOK`] prints in a worker that has done nothing else.
fn looked_at_first() -> String {
    let pool = one_worker();
    let answer = call(&permissions_after(LOOK), PERMISSIONS)
        .run_in(&pool)
        .unwrap();
    RUNTIME.block_on(pool.shutdown());
    answer.printed
}

fn comes_to(pool: &Pool, lines: &str, comes: &Comes) {
    let result = call(&permissions_after(lines), PERMISSIONS).run_in(pool);
    match (result, comes) {
        (Ok(answer), To(printed)) => assert_eq!(answer.printed, *printed, "{lines}"),
        (Err(failure), Raised(exception)) => {
            assert_eq!(failure.kind, FailureKind::Exception, "{lines}: {failure}");
            assert_eq!(
                failure.exception.as_deref(),
                Some(*exception),
                "{lines}: {failure}"
            );
            let shown = failure.traceback.unwrap_or_default();
            assert!(!shown.contains("_symbot"), "{lines}: {shown}");
        }
        (Ok(answer), Raised(exception)) => panic!("{lines}: no {exception}: {}", answer.printed),
        (Err(failure), To(_)) => panic!(
            "{lines}: {failure}\n{}",
            failure.traceback.as_deref().unwrap_or_default()
        ),
    }
}

/// The lines twice in a worker, each time with a look after them: in the same worker where that was clean, in the next where not.
fn is_late(lines: &str, comes: &Comes) {
    let expected = looked_at_first();
    let pool = one_worker();
    for _ in 0..2 {
        comes_to(&pool, lines, comes);
        idle_again(&pool);
        let look = call(&permissions_after(LOOK), PERMISSIONS).run_in(&pool);
        assert_eq!(look.unwrap().printed, expected, "after: {lines}");
        idle_again(&pool);
    }
    RUNTIME.block_on(pool.shutdown());
}

macro_rules! reached_late {
    ($($name:ident: $lines:expr => $comes:expr;)*) => {
        $(#[test]
        fn $name() {
            is_late(&$lines, &$comes);
        })*
    };
}

reached_late! {
    threading_by_its_name: "__import__('thread' + 'ing')" => Raised("ImportError");
    threading_behind_logging:
        "print(__import__('log' + 'ging').threading.current_thread().name)" => To("MainThread\n");
    a_thread_of_threading_behind_logging:
        "__import__('log' + 'ging').threading.Thread(target=print).start()" => Raised("RuntimeError");
    a_timer_of_threading_behind_logging:
        "__import__('log' + 'ging').threading.Timer(0, print).start()" => Raised("RuntimeError");
    a_lock_that_is_held:
        "__import__('log' + 'ging').threading._active_limbo_lock.acquire()\nprint('held')" => To("held\n");
    handlers_of_a_late_logging:
        "m = __import__('log' + 'ging')\nm.basicConfig(level=1)\nm.getLogger('a').warning('x')" => To("WARNING:a:x\n");
    the_codec_of_domain_names: "print('bücher.example'.encode('idna'))" => To("b'xn--bcher-kva.example'\n");
    the_codec_of_domain_names_with_what_it_refuses: "'a..b'.encode('idna')" => Raised("UnicodeEncodeError");
    hidden_codecs:
        "for name in ('punycode', 'iso8859' + '-15', 'cp' + '1252', 'utf' + '-16-be', 'koi8' + '-r', 'unicode_' + 'escape'):\n    print('é'.encode(name, 'replace'))"
        => To("b'9ca'\nb'\\xe9'\nb'\\xe9'\nb'\\x00\\xe9'\nb'?'\nb'\\\\xe9'\n");
    a_codec_that_there_is_not: "'x'.encode('no' + 'thing')" => Raised("LookupError");
    strptime_of_dates: format!("{DATES}print(strptime('2026-03-01 07', '%Y-%m-%d %H'))") => To("2026-03-01 07:00:00\n");
    strptime_of_dates_that_are_none: format!("{DATES}strptime('soon', '%Y')") => Raised("ValueError");
    strptime_of_times:
        "import time\nprint(getattr(time, 'strp' + 'time')('12:30', '%H:%M')[3:5])" => To("(12, 30)\n");
    decimal_with_another_context:
        "m = __import__('deci' + 'mal')\nm.getcontext().prec = 2\nm.DefaultContext.prec = 3\nprint(m.Decimal(1) / 3)" => To("0.33\n");
    a_module_with_caches: "m = __import__('frac' + 'tions')\nprint(m.Fraction('1/3') + 1)" => To("4/3\n");
    a_module_below_a_package:
        "print(__import__('url' + 'lib.parse').parse.quote('a b'))" => To("a%20b\n");
    a_warning: "__import__('warn' + 'ings').warn('late')" => To("impl.py:6: UserWarning: late\n");
    hints_of_types:
        "import typing\nclass A:\n    x: 'int'\nprint(getattr(typing, 'get_' + 'type_hints')(A))" => To("{'x': <class 'int'>}\n");
    long_numbers: "print(len(str(7 ** 4_000)), int('9' * 3_000) % 7)" => To("3381 0\n");
    modules_in_a_string: "exec('import graph' + 'lib')\nprint('done')" => To("done\n");
    a_module_that_is_refused: "__import__('o' + 's')" => Raised("ImportError");
    a_module_loaded_by_a_finalizer:
        "class Late:\n    def __del__(self):\n        __import__('stat' + 'istics')\nx = Late()\nx.me = x\nprint('done')" => To("done\n");
    a_module_half_loaded_for_lack_of_stack:
        "def down(n):\n    if n == 0:\n        return __import__('log' + 'ging')\n    return down(n - 1)\nimport enum\nfor left in range(900, 1_000, 7):\n    try:\n        down(left)\n    except RecursionError:\n        pass\ndown(2_000)"
        => Raised("RecursionError");
    a_module_changed_and_thrown_away:
        "m = __import__('stat' + 'istics')\nm.mean = lambda data: 'owned'\nm.__name__ = 'json'\nimport enum\nenum.sys.modules['json'] = m\nprint('done')" => To("done\n");
}

/// Flows that reach what they need late cost their worker; that is said, and the flows beside them work.
#[test]
fn late_and_early_by_turns() {
    let pool = one_worker();
    for _ in 0..3 {
        comes_to(
            &pool,
            "print('bücher'.encode('id' + 'na'))",
            &To("b'xn--bcher-kva'\n"),
        );
        comes_to(
            &pool,
            "print('bücher'.encode('idna'))",
            &To("b'xn--bcher-kva'\n"),
        );
        comes_to(
            &pool,
            &format!("{DATES}print(strptime('2026', '%Y').year)"),
            &To("2026\n"),
        );
        comes_to(
            &pool,
            "import datetime\nprint(datetime.datetime.strptime('2026', '%Y').year)",
            &To("2026\n"),
        );
        comes_to(
            &pool,
            "import logging\nlogging.getLogger('a').warning('x')",
            &To("x\n"),
        );
        comes_to(
            &pool,
            "__import__('log' + 'ging').getLogger('a').warning('x')",
            &To("x\n"),
        );
    }
    RUNTIME.block_on(pool.shutdown());
}
