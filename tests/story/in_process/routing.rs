//! Where requests go: the flows `urgency` and `source_channel`.

use slack_sim::Person;
use symbot::domain::run::Status;

use super::flows::Flows;
use super::harness::{SHORTCUT, Stage, Told, WHY, story};

async fn urgent(stage: &Stage, urgency: &str) -> Told {
    let form = stage.form(&stage.alice, "#general", "urgency").await?;
    assert_eq!(form.options("Urgency").await?, ["Normal", "Emergency"]);
    form.fill(WHY, "deploy")
        .pick("Urgency", urgency)
        .submit()
        .await?;
    Ok(())
}

#[test]
fn a_normal_request_goes_to_its_channel_and_its_requester_may_not_approve_it() {
    story(Flows::examples()).run(async |stage| {
        urgent(stage, "Normal").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("*Urgency*\nNormal").await?;
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own *Urgency* request")
            .await?;
        assert_eq!(stage.slack.channel("#sym-emergencies").message_count(), 0);
        stage.erin.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @erin").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("*Urgency* was approved by @erin")
            .await?;
        Ok(())
    });
}

#[test]
fn an_emergency_goes_to_its_channel_and_its_requester_may_approve_it() {
    story(Flows::examples()).run(async |stage| {
        urgent(stage, "Emergency").await?;
        let request = stage.request_in("#sym-emergencies").await?;
        request.expects_text("*Urgency*\nEmergency").await?;
        assert_eq!(stage.slack.channel("#sym-requests").message_count(), 0);
        stage.bob.presses(&request, "Approve").await?;
        stage
            .bob
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        stage.alice.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @alice").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("*Urgency* was approved by @alice")
            .await?;
        Ok(())
    });
}

#[test]
fn the_urgency_has_to_be_chosen() {
    story(Flows::examples()).run(async |stage| {
        let form = stage.form(&stage.alice, "#general", "urgency").await?;
        let errors = form.fill(WHY, "deploy").submit_incomplete().await?;
        assert!(errors.contains_key("Urgency"), "{errors:?}");
        assert!(stage.runs().await.is_empty());
        Ok(())
    });
}

/// Submits the form that is open before the person.
async fn asks(person: &Person) -> Told {
    person.modal().await?.fill(WHY, "deploy").submit().await?;
    Ok(())
}

/// The request is decided in the channel, and Alice is told.
async fn decided_in(stage: &Stage, channel: &str) -> Told {
    let request = stage.request_in(channel).await?;
    request
        .expects_text("@alice requests *Source channel*")
        .await?;
    stage.bob.presses(&request, "Approve").await?;
    request.expects_text("*Approved* by @bob").await?;
    stage
        .alice
        .dm_with_bot()
        .expects_text("*Source channel* was approved by @bob")
        .await?;
    assert_eq!(stage.the_run().await.status, Status::Approved);
    Ok(())
}

const TYPED: &str = "/sym req source-channel";

#[test]
fn a_request_from_a_public_channel_goes_there() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_channel("#general").types(TYPED).await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#general").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        assert_eq!(
            stage.the_run().await.source.identifier.as_deref(),
            Some("#general")
        );
        Ok(())
    });
}

#[test]
fn a_request_from_a_private_channel_with_the_bot_goes_there() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_channel("#ops-private").types(TYPED).await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#ops-private").await?;
        assert_eq!(stage.slack.channel("#sym-access").message_count(), 0);
        let id = stage.slack.channel("#ops-private").id().to_owned();
        assert_eq!(stage.the_run().await.source.identifier, Some(id));
        Ok(())
    });
}

#[test]
fn a_request_from_a_private_channel_without_the_bot_goes_to_sym_access() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_channel("#secret-plans").types(TYPED).await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#sym-access").await?;
        assert_eq!(stage.slack.channel("#secret-plans").message_count(), 0);
        Ok(())
    });
}

#[test]
fn a_request_from_a_direct_message_between_people_goes_to_sym_access() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_dm_with("carol").types(TYPED).await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#sym-access").await
    });
}

#[test]
fn a_request_from_a_group_message_between_people_goes_to_sym_access() {
    story(Flows::examples()).run(async |stage| {
        stage
            .alice
            .in_group_with(&["carol", "dave"])
            .types(TYPED)
            .await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#sym-access").await
    });
}

#[test]
fn a_request_from_the_shortcut_goes_to_sym_access() {
    story(Flows::examples()).run(async |stage| {
        let picker = stage.alice.uses_shortcut(SHORTCUT).await?.modal().await?;
        picker
            .pick("What do you need?", "Source channel")
            .submit()
            .await?;
        asks(&stage.alice).await?;
        decided_in(stage, "#sym-access").await
    });
}

#[test]
fn a_request_from_a_channel_that_is_archived_meanwhile_goes_to_sym_access() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_channel("#general").types(TYPED).await?;
        stage.alice.modal().await?;
        stage.slack.archives("#general");
        asks(&stage.alice).await?;
        decided_in(stage, "#sym-access").await?;
        assert_eq!(stage.slack.channel("#general").message_count(), 0);
        // Administrators learn why it did not go where it was made.
        let warning = stage
            .slack
            .channel("#sym-errors")
            .expects_text("could not be delivered")
            .await?;
        warning.expects_text("is_archived").await?;
        Ok(())
    });
}

#[test]
fn a_request_from_a_channel_that_is_renamed_meanwhile_still_goes_there() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_channel("#general").types(TYPED).await?;
        stage.alice.modal().await?;
        let id = stage.slack.channel("#general").id().to_owned();
        stage.slack.workspace().with(|world| {
            world.channel_mut(&id).unwrap().name = "everybody".to_owned();
        });
        asks(&stage.alice).await?;
        decided_in(stage, "#everybody").await
    });
}

#[test]
fn a_request_from_the_direct_message_with_the_bot_stays_there() {
    story(Flows::examples()).run(async |stage| {
        stage.alice.in_dm_with_bot().types(TYPED).await?;
        asks(&stage.alice).await?;
        let request = stage.alice.dm_with_bot().next_request().await?;
        stage.alice.presses(&request, "Approve").await?;
        stage
            .alice
            .expects_ephemeral("You cannot approve your own")
            .await?;
        stage.alice.presses(&request, "Deny").await?;
        request.expects_text("*Denied* by @alice").await?;
        Ok(())
    });
}
