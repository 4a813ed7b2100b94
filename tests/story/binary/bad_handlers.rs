//! Handlers that misbehave, run by the real program: the person hears of it, the bot lives, others go on meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use slack_sim::{Setup, SlackSim};
use tokio::time::Instant;

use super::harness::{Data, Flows, ORDINARY, PATIENCE, Start, ask, expect_gone};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// What `get_permissions` does, the kind of failure that people see, words for the log.
const MISBEHAVIOURS: [(&str, &str, &str, &str); 6] = [
    (
        "stubborn",
        "    while True:\n        try:\n            while True: pass\n        except BaseException:\n            pass",
        "TIMEOUT-",
        "2 s",
    ),
    (
        "greedy",
        "    hoard = []\n    while True: hoard.append('x' * 1000000)",
        "",
        "",
    ),
    ("huge", "    return 10**10**8", "", ""),
    (
        "deep",
        "    def deeper(n): return deeper(n + 1)\n    deeper(0)",
        "IMPL-",
        "RecursionError",
    ),
    ("quitter", "    import sys\n    sys.exit(3)", "", ""),
    (
        "wrong",
        "    return 'everybody'",
        "IMPL-",
        "get_permissions",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_misbehave_cost_their_own_request_and_nothing_else() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let mut flows = Flows::new().with("plain", ORDINARY);
    for (name, body, _, _) in MISBEHAVIOURS {
        let code = ORDINARY.replace(
            "def get_permissions(event):",
            &format!("def get_permissions(event):\n{body}"),
        );
        flows = flows.with(name, &code);
    }
    let data = Data::new();
    let start = Start::new(&[
        "run",
        "--web",
        "127.0.0.1:0",
        "--workers",
        "2",
        "--handler-timeout",
        "2",
    ])
    .argument("--flows", &flows.path().display().to_string())
    .argument("--data", &data.path().display().to_string())
    .env("SLACK_API_URL", &slack.api_url())
    .env("SLACK_BOT_TOKEN", &slack.bot_token())
    .env("SLACK_APP_TOKEN", &slack.app_token());
    let bot = start.spawn();
    bot.ready().await;
    let before: BTreeSet<u32> = bot.children().into_iter().collect();
    let (alice, bob, carol) = (
        slack.person("alice"),
        slack.person("bob"),
        slack.person("carol"),
    );
    let mut channel = slack.channel("#sym-requests");
    let mut slowest = Duration::ZERO;
    for (name, _, code, words) in MISBEHAVIOURS {
        ask(&alice, name, name).await?;
        // Meanwhile somebody else's request goes its whole way.
        let began = Instant::now();
        ask(&carol, "plain", &format!("beside {name}")).await?;
        let request = channel.expects_text(&format!("beside {name}")).await?;
        bob.presses(&request, "Approve").await?;
        carol.dm_with_bot().expects_text("was approved").await?;
        slowest = slowest.max(began.elapsed());
        let told = alice
            .dm_with_bot()
            .expects_text("could not be submitted")
            .await?;
        let text = told.text();
        assert!(
            text.contains(code) && text.contains("code"),
            "{name}: {text}"
        );
        assert!(
            !text.contains("Traceback") && text.len() < 500,
            "{name}: {text}"
        );
        let line = bot.says(&format!("\"flow\":\"{name}\"")).await;
        assert!(
            line.contains(words) && line.contains("\"level\":\"ERROR\""),
            "{name}: {line}"
        );
    }
    println!("slowest request beside a handler that misbehaves: {slowest:?}");
    assert!(
        slowest < Duration::from_secs(2),
        "others waited for a bad handler: {slowest:?}"
    );
    // Those that were killed have been replaced.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now: BTreeSet<u32> = bot.children().into_iter().collect();
        if now.len() == before.len() && now != before {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "workers were {before:?} and are {now:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_get_permissions_that_is_too_large_to_keep_fails_the_request() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let code = ORDINARY.replace(
        "approve_deny=PermissionLevel.MEMBER",
        "approve_deny=['%032x' % number for number in range(60000)]",
    );
    let (flows, data) = (Flows::new().with("crowded", &code), Data::new());
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let alice = slack.person("alice");
    ask(&alice, "crowded", "x").await?;
    alice
        .dm_with_bot()
        .expects_text("could not be submitted")
        .await?;
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_killed_from_outside_are_replaced_and_nobody_notices() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let bot = Start::run(&slack, flows.path(), &data.path()).spawn();
    bot.ready().await;
    let workers = bot.children();
    for worker in &workers {
        let id = rustix::process::Pid::from_raw(i32::try_from(*worker)?).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::KILL)?;
    }
    // A call that is handed to one that is just dying is lost with it, as if the handler had killed it.
    expect_gone(&workers, Duration::from_secs(5)).await;
    ask(&slack.person("alice"), "plain", "after the kill").await?;
    let request = slack.channel("#sym-requests").next_request().await?;
    slack.person("bob").presses(&request, "Approve").await?;
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved")
        .await?;
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_behave_keep_their_worker() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    // Checks against abstract classes make the interpreter keep sets of its own; a fresh module makes it keep constants.
    let code = ORDINARY.replace(
        "def get_permissions(event):",
        "def get_permissions(event):\n    import collections.abc, json, numbers\n    assert isinstance(json.loads('[1]'), collections.abc.Sequence)\n    assert not isinstance('x', numbers.Number)",
    );
    let flows = Flows::new().with("plain", ORDINARY).with("abstract", &code);
    let data = Data::new();
    let bot = Start::run(&slack, flows.path(), &data.path())
        .argument("--flows", "flows")
        .spawn();
    bot.ready().await;
    let mut channel = slack.channel("#sym-requests");
    let mut workers = BTreeSet::new();
    for round in 0..4 {
        for flow in ["plain", "abstract", "approval"] {
            let alice = slack.person("alice");
            let form = alice
                .in_channel("#general")
                .types(&format!("/sym req {flow}"))
                .await?
                .modal()
                .await?;
            let (label, reason) = (form.labels().remove(0), format!("{flow} {round}"));
            form.fill(&label, &reason).submit().await?;
            channel.expects_text(&reason).await?;
        }
        if round == 0 {
            workers = bot.children().into_iter().collect();
        }
    }
    // Where the machine is busy with other things, a call may take so long that its worker is replaced for that.
    let log = bot.log();
    let (slow, others): (Vec<&str>, Vec<&str>) = log
        .lines()
        .filter(|line| line.contains("a policy worker is replaced"))
        .partition(|line| line.contains("its last call took long"));
    assert!(others.is_empty(), "{log}");
    let now: BTreeSet<u32> = bot.children().into_iter().collect();
    assert!(now == workers || !slow.is_empty(), "{log}");
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}
