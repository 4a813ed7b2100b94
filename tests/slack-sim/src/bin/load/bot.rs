//! The bot beside the workspace: started, watched through `/proc` with everything it started itself, stopped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slack_sim::SlackSim;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How often memory is looked at. Resident size is cheap to read; a proportional size takes the kernel some milliseconds
/// for each process, which would show in the figures.
const RSS_EVERY: Duration = Duration::from_millis(100);
const PSS_EVERY: Duration = Duration::from_secs(2);
/// How often `--ready-url` is asked.
const READY_EVERY: Duration = Duration::from_millis(5);
/// Time between SIGTERM and SIGKILL.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// `/proc/PID/stat` counts time in hundredths of a second on every Linux (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The bot's process.
pub(crate) struct Bot {
    child: tokio::sync::Mutex<Child>,
    id: u32,
    peak: Arc<Peak>,
}

/// What the bot and everything it started have used.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) cpu_seconds: f64,
    /// Of that, the bot's own process.
    pub(crate) own_cpu_seconds: f64,
    pub(crate) written_bytes: u64,
}

impl Used {
    pub(crate) fn since(&self, before: &Used) -> Used {
        Used {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            own_cpu_seconds: self.own_cpu_seconds - before.own_cpu_seconds,
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
        }
    }
}

/// The most memory seen, in bytes, all processes together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) processes: usize,
    /// Pages that several processes share, such as the program itself, count in each of them.
    pub(crate) rss: u64,
    /// Shared pages count once; `None` where the kernel does not say.
    pub(crate) pss: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Peak(Mutex<Memory>);

impl Peak {
    pub(crate) fn read(&self) -> Memory {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the processes that there are now.
    pub(crate) fn look(&self, root: u32, with_pss: bool) {
        let processes = tree(root);
        let rss = processes.iter().map(|id| resident(*id)).sum();
        let pss = with_pss
            .then(|| {
                processes
                    .iter()
                    .map(|id| proportional(*id))
                    .sum::<Option<u64>>()
            })
            .flatten();
        let mut most = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        most.processes = most.processes.max(processes.len());
        most.rss = most.rss.max(rss);
        most.pss = most.pss.max(pss);
    }
}

impl Bot {
    pub(crate) fn start(command: &[String], slack: &SlackSim, log: &Path) -> Result<Bot, String> {
        let [program, arguments @ ..] = command else {
            return Err("no bot command was given".to_owned());
        };
        let (out, err) = File::create(log)
            .and_then(|log| Ok((log.try_clone()?, log)))
            .map_err(|error| format!("{} cannot be written: {error}", log.display()))?;
        let child = Command::new(program)
            .args(arguments)
            .env("SLACK_API_URL", slack.api_url())
            .env("SLACK_BOT_TOKEN", slack.bot_token())
            .env("SLACK_APP_TOKEN", slack.app_token())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        let id = child
            .id()
            .ok_or_else(|| format!("{program} ended at once"))?;
        Ok(Bot {
            child: tokio::sync::Mutex::new(child),
            id,
            peak: Arc::default(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn peak(&self) -> Arc<Peak> {
        self.peak.clone()
    }

    /// Ends when the bot does, with words for it.
    pub(crate) async fn ended(&self) -> String {
        match self.child.lock().await.wait().await {
            Ok(status) => format!("the bot ended: {status}"),
            Err(error) => format!("the bot cannot be waited for: {error}"),
        }
    }

    /// Whole process tree, those included that ended and were waited for.
    pub(crate) fn used(&self) -> Used {
        let mut used = Used::default();
        for id in tree(self.id) {
            let cpu = Stat::read(id).map_or(0.0, |stat| stat.cpu_seconds);
            used.cpu_seconds += cpu;
            if id == self.id {
                used.own_cpu_seconds = cpu;
            }
            used.written_bytes += written(id);
        }
        used
    }

    /// SIGTERM, and SIGKILL when that does not help.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let terminate = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &self.id.to_string()])
            .status()
            .await;
        if let Err(error) = terminate {
            return Err(format!("the bot cannot be stopped: {error}"));
        }
        let mut child = self.child.into_inner();
        match timeout(STOP_WITHIN, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("the bot ended badly after SIGTERM: {status}")),
            Ok(Err(error)) => Err(format!("the bot cannot be waited for: {error}")),
            Err(_) => Err(format!(
                "the bot did not end within {} s of SIGTERM",
                STOP_WITHIN.as_secs()
            )),
        }
    }
}

/// Follows the memory of a process tree until it is aborted.
pub(crate) async fn watch(root: u32, peak: Arc<Peak>) {
    let mut pss_at = Instant::now();
    loop {
        let with_pss = Instant::now() >= pss_at;
        if with_pss {
            pss_at = Instant::now() + PSS_EVERY;
        }
        peak.look(root, with_pss);
        sleep(RSS_EVERY).await;
    }
}

/// Time from `started` until the address answers 200.
pub(crate) async fn answers(
    url: &str,
    started: Instant,
    within: Duration,
) -> Result<Duration, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("{url} is no http:// address"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let asking = async {
        while !matches!(is_fine(host, path).await, Ok(true)) {
            sleep(READY_EVERY).await;
        }
        started.elapsed()
    };
    tokio::time::timeout_at(started + within, asking)
        .await
        .map_err(|_| format!("{url} did not answer 200 within {} s", within.as_secs()))
}

async fn is_fine(host: &str, path: &str) -> std::io::Result<bool> {
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut head).await?;
    Ok(head.ends_with(b" 200"))
}

/// Load average of the last minute, to say how quiet the machine was.
pub(crate) fn machine_load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// One line of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    /// User and system time, its own and that of ended children.
    cpu_seconds: f64,
}

impl Stat {
    fn read(id: u32) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// The program's name stands in parentheses and may hold anything.
    fn parse(line: &str) -> Option<Stat> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 = (11..15)
            .filter_map(|field| fields.get(field)?.parse::<u64>().ok())
            .sum();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
        })
    }
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for id in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(stat) = Stat::read(id) {
            children.entry(stat.parent).or_default().push(id);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(id) = found.get(next) {
        found.extend(children.remove(id).unwrap_or_default());
        next += 1;
    }
    found
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn resident(id: u32) -> u64 {
    fs::read_to_string(format!("/proc/{id}/status"))
        .ok()
        .and_then(|text| kilobytes(&text, "VmRSS:"))
        .map_or(0, |kilobytes| kilobytes << 10)
}

fn proportional(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    kilobytes(&text, "Pss:").map(|kilobytes| kilobytes << 10)
}

fn written(id: u32) -> u64 {
    fs::read_to_string(format!("/proc/{id}/io"))
        .ok()
        .and_then(|text| kilobytes(&text, "write_bytes:"))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_an_odd_name_is_read_right() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 100 50 20 30 20 0 5 0 99";
        let stat = Stat::parse(line);
        assert!(stat.is_some_and(|stat| stat.parent == 3 && (stat.cpu_seconds - 2.0).abs() < 1e-9));
    }

    #[test]
    fn this_process_is_in_its_own_tree_and_uses_memory() {
        let own = std::process::id();
        assert!(tree(own).contains(&own));
        assert!(resident(own) > 1 << 20);
    }
}
