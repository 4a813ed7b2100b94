//! Guests start nothing, and decide only where the flow lets them.

use slack_sim::PersonSetup;
use symbot::domain::run::Status;

use super::flows::{Flows, REASON, permits};
use super::harness::{SHORTCUT, story};

/// A flow whose requests go to #general, where Gus is.
fn flows(allow_guests: bool, approve_deny: &str) -> Flows {
    let params = format!("\n    allow_guest_interaction = {allow_guests}\n{REASON}");
    let python = format!(
        "{}\n\n@reducer\ndef get_request_notifications(event):\n    \
         return [Notification(destinations=[slack.channel('#general')])]\n",
        permits("PermissionLevel.ADMIN", approve_deny, false)
    );
    Flows::with_params(&params, &python)
}

#[test]
fn a_guest_starts_nothing_by_command_shortcut_or_home() {
    story(Flows::examples()).run(async |stage| {
        for typed in ["/sym", "/sym req", "/sym req approval"] {
            stage.gus.in_channel("#general").types(typed).await?;
            stage
                .gus
                .expects_ephemeral("Guests cannot make requests")
                .await?;
        }
        stage.gus.uses_shortcut(SHORTCUT).await?;
        let mut told = stage.gus.dm_with_bot();
        told.expects_text("Guests cannot make requests").await?;
        let home = stage.gus.opens_home()?;
        home.expects_text("Ask for what you need").await?;
        home.presses("New request").await?;
        told.expects_text("Guests cannot make requests").await?;
        assert!(!stage.gus.has_modal());
        assert!(stage.runs().await.is_empty());
        Ok(())
    });
}

#[test]
fn somebody_of_another_organisation_is_a_guest() {
    story(flows(false, "PermissionLevel.MEMBER"))
        .workspace(|setup| setup.person(PersonSetup::member("sam").stranger()))
        .run(async |stage| {
            let sam = stage.slack.person("sam");
            sam.joins("#general");
            sam.in_channel("#general").types("/sym whoami").await?;
            sam.expects_ephemeral("a *guest*").await?;
            sam.in_channel("#general").types("/sym req access").await?;
            sam.expects_ephemeral("Guests cannot make requests").await?;
            stage.alice_asks_for("access").await?;
            let request = stage.request_in("#general").await?;
            sam.presses(&request, "Approve").await?;
            sam.expects_ephemeral("Guests cannot decide *Access* requests")
                .await?;
            assert_eq!(stage.the_run().await.status, Status::Requested);
            Ok(())
        });
}

#[test]
fn somebody_who_is_a_guest_no_longer_is_let_in_at_once() {
    story(Flows::examples()).run(async |stage| {
        let gus = stage.gus.in_channel("#general");
        gus.types("/sym req approval").await?;
        stage
            .gus
            .expects_ephemeral("Guests cannot make requests")
            .await?;
        let account = |gus: &mut slack_sim::world::Person| gus.is_restricted = false;
        stage.slack.changes("gus", account).await;
        gus.types("/sym req approval").await?;
        stage
            .gus
            .modal()
            .await?
            .expects_field("Why do you need access?")
            .await?;
        Ok(())
    });
}

#[test]
fn a_guest_does_not_decide_where_the_flow_does_not_let_guests_act() {
    story(flows(false, "PermissionLevel.ALL_USERS")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#general").await?;
        for button in ["Approve", "Deny"] {
            stage.gus.presses(&request, button).await?;
            stage
                .gus
                .expects_ephemeral("Guests cannot decide *Access* requests")
                .await?;
        }
        assert_eq!(request.buttons(), ["Approve", "Deny"]);
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}

#[test]
fn a_guest_decides_where_the_flow_lets_guests_act_and_includes_them() {
    story(flows(true, "PermissionLevel.ALL_USERS")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#general").await?;
        stage.gus.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @gus").await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("approved by @gus")
            .await?;
        Ok(())
    });
}

#[test]
fn a_guest_does_not_decide_where_only_members_are_included() {
    story(flows(true, "PermissionLevel.MEMBER")).run(async |stage| {
        stage.alice_asks_for("access").await?;
        let request = stage.request_in("#general").await?;
        stage.gus.presses(&request, "Deny").await?;
        stage
            .gus
            .expects_ephemeral("You are not allowed to decide")
            .await?;
        assert_eq!(stage.the_run().await.status, Status::Requested);
        Ok(())
    });
}
