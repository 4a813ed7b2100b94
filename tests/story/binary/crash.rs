//! What a single kill must not do; the many kills are in `storm`.

use std::time::Duration;

use rustix::process::Signal;
use slack_sim::{Fault, Setup, SlackSim, SocketFault};

use super::harness::{Data, Flows, ORDINARY, Program, Start, ask, expect_gone, get, open_form};

type Tested = Result<(), Box<dyn std::error::Error>>;

async fn up(start: &Start) -> Program {
    let bot = start.spawn();
    bot.ready().await;
    bot
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_survives_a_kill_right_after_its_form_closed_and_can_be_decided() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    ask(&slack.person("alice"), "plain", "first").await?;
    bot.kill().await;
    let bot = up(&start).await;
    let request = slack.channel("#sym-requests").next_request().await?;
    request.expects_text("first").await?;
    slack.person("bob").presses(&request, "Approve").await?;
    // Killed at once after the ack: the message and the requester learn of it from the next process.
    bot.kill().await;
    let bot = up(&start).await;
    request.expects_text("Approved").await?;
    request.expects_no_buttons().await?;
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved by")
        .await?;
    bot.terminate().await.expect_code(0);
    data.expect_whole_journal().await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_go_on_over_a_kill_and_overdue_ones_fire_at_the_start() -> Tested {
    const TIMEOUT_SECONDS: u64 = 2;
    let code = ORDINARY.replace(
        "\"#sym-requests\")])",
        &format!("\"#sym-requests\")], timeout={TIMEOUT_SECONDS})"),
    );
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("timed", &code), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let alice = slack.person("alice");
    let mut channel = slack.channel("#sym-requests");
    let bot = up(&start).await;
    ask(&alice, "timed", "overdue").await?;
    let overdue = channel.next_request().await?;
    slack.expects_calls("chat.postMessage", 1).await?;
    // The delivery is recorded within milliseconds; the timer stands only from then on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    bot.kill().await;
    tokio::time::sleep(Duration::from_secs(TIMEOUT_SECONDS)).await;
    assert_eq!(
        overdue.buttons(),
        ["Approve", "Deny"],
        "nobody was there to change it"
    );
    let bot = up(&start).await;
    let ready = tokio::time::Instant::now();
    overdue.expects_text("Expired").await?;
    assert!(
        ready.elapsed() < Duration::from_secs(1),
        "fired {:?} after the start",
        ready.elapsed()
    );
    alice.dm_with_bot().expects_text("has expired").await?;

    ask(&alice, "timed", "running").await?;
    let running = channel.next_request().await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    bot.kill().await;
    let bot = up(&start).await;
    // On a busy machine the start alone may take longer than the timer.
    let ready = tokio::time::Instant::now();
    running.expects_text("Expired").await?;
    let edited = running.edited_at().expect("edited");
    let due = running.posted_at + Duration::from_secs(TIMEOUT_SECONDS);
    assert!(edited >= due, "fired {:?} before its time", due - edited);
    assert!(
        edited < due.max(ready) + Duration::from_secs(3),
        "fired {:?} after its time",
        edited - due
    );
    alice.dm_with_bot().expects_text("has expired").await?;
    bot.terminate().await.expect_code(0);
    data.expect_whole_journal().await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_on_either_copy_of_a_message_sent_twice_decides_and_both_are_put_right() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    let mut channel = slack.channel("#sym-requests");
    // Slack posts it and the answer is lost, so that it is sent again.
    slack.faults().next("chat.postMessage", Fault::ResetAfter);
    ask(&slack.person("alice"), "plain", "copied").await?;
    let unknown = channel.next_request().await?;
    let known = channel.next_request().await?;
    slack.person("bob").presses(&unknown, "Approve").await?;
    unknown.expects_text("Approved").await?;
    known.expects_text("Approved").await?;
    // Both have happened before the next answer is to be lost.
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved")
        .await?;

    slack.faults().next("chat.postMessage", Fault::ResetAfter);
    ask(&slack.person("alice"), "plain", "copied again").await?;
    let unknown = channel.next_request().await?;
    let known = channel.next_request().await?;
    slack.person("bob").presses(&known, "Deny").await?;
    known.expects_text("Denied").await?;
    // Only a press tells the bot of the other copy; it gets an answer, changes nothing, and puts the copy right.
    slack.person("carol").presses(&unknown, "Approve").await?;
    slack
        .person("carol")
        .expects_ephemeral("already denied")
        .await?;
    unknown.expects_text("Denied").await?;
    unknown.expects_no_buttons().await?;
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_comes_again_after_a_restart_is_known() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    let alice = slack.person("alice");
    let form = open_form(&alice, "plain").await?;
    // Long enough for a kill and a start in between.
    slack
        .faults()
        .next_envelope(SocketFault::DuplicateAfter(Duration::from_millis(2500)));
    form.fill(super::harness::FIELD, "once").submit().await?;
    bot.kill().await;
    let bot = up(&start).await;
    let request = slack.channel("#sym-requests").next_request().await?;
    // The command, the form, and the form again.
    while slack.counter("acks") < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slack.person("bob").presses(&request, "Approve").await?;
    alice.dm_with_bot().expects_text("was approved").await?;
    assert_eq!(slack.channel("#sym-requests").message_count(), 1);
    bot.terminate().await.expect_code(0);
    let asked = data
        .audit()
        .iter()
        .filter(|line| line["event"]["type"] == "request")
        .count();
    assert_eq!(asked, 1, "the repeated form made a request of its own");
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_whose_person_was_being_looked_up_survives_a_kill() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("plain", ORDINARY), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    ask(&slack.person("alice"), "plain", "looked up").await?;
    let request = slack.channel("#sym-requests").next_request().await?;
    slack
        .faults()
        .next("users.info", Fault::Latency(Duration::from_secs(60)));
    slack.person("bob").presses(&request, "Approve").await?;
    assert_eq!(request.buttons(), ["Approve", "Deny"]);
    bot.kill().await;
    // The look-up may not have got as far as Slack yet.
    slack.faults().clear();
    let bot = up(&start).await;
    request.expects_text("Approved").await?;
    bot.terminate().await.expect_code(0);
    data.expect_whole_journal().await;
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_was_asked_when_the_bot_was_killed_is_asked_again_and_decides_once() -> Tested {
    let code = format!(
        "{ORDINARY}\nimport time\nfrom sym.sdk.annotations import hook\n\n@hook\ndef on_approve(event):\n    \
         slack.send_message(slack.channel('#general'), 'asked')\n    time.sleep(1)\n"
    );
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("asking", &code), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    ask(&slack.person("alice"), "asking", "hook").await?;
    let request = slack.channel("#sym-requests").next_request().await?;
    slack.person("bob").presses(&request, "Approve").await?;
    let mut general = slack.channel("#general");
    general.expects_text("asked").await?;
    bot.kill().await;
    assert_eq!(request.buttons(), ["Approve", "Deny"]);
    let bot = up(&start).await;
    general.expects_text("asked").await?;
    request.expects_text("Approved").await?;
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved by")
        .await?;
    bot.terminate().await.expect_code(0);
    data.expect_whole_journal().await;
    let approvals = data
        .audit()
        .iter()
        .filter(|line| line["event"]["type"] == "approve")
        .count();
    assert_eq!(approvals, 1);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_end_with_a_killed_bot_even_while_they_run_a_handler_that_never_ends() -> Tested {
    let code = ORDINARY.replace(
        "    return RequestPermission",
        "    while True: pass\n    return RequestPermission",
    );
    let slack = SlackSim::start(Setup::company()).await?;
    let (flows, data) = (Flows::new().with("endless", &code), Data::new());
    let bot = up(&Start::run(&slack, flows.path(), &data.path())).await;
    ask(&slack.person("alice"), "endless", "x").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let workers = bot.children();
    assert!(workers.len() >= 2, "{workers:?}");
    bot.kill().await;
    expect_gone(&workers, Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_slack_could_not_do_for_a_while_is_done_later_and_by_the_next_process() -> Tested {
    let slack = SlackSim::start(Setup::company()).await?;
    let code = ORDINARY.replace(
        "slack.channel(\"#sym-requests\")",
        "slack.user(\"bob@acme.example\")",
    );
    let (flows, data) = (Flows::new().with("person", &code), Data::new());
    let start = Start::run(&slack, flows.path(), &data.path());
    let bot = up(&start).await;
    // More failures than a look-up repeats by itself: it is the delivery that has to be patient.
    slack
        .faults()
        .times("conversations.open", 5, Fault::ServerError(503));
    ask(&slack.person("alice"), "person", "patience").await?;
    slack.expects_calls("conversations.open", 4).await?;
    bot.send(Signal::KILL);
    bot.ended().await;
    let bot = up(&start).await;
    let request = slack.person("bob").dm_with_bot().next_request().await?;
    slack.person("bob").presses(&request, "Approve").await?;
    slack
        .person("alice")
        .dm_with_bot()
        .expects_text("was approved")
        .await?;
    let (status, _) = get(&bot.web().await, "/readyz").await?;
    assert_eq!(status, 200);
    bot.terminate().await.expect_code(0);
    slack.expect_no_violations()?;
    Ok(())
}
