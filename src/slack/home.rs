//! The App Home tab: what this is, and one button that opens the flow picker.

use serde_json::Value;
use slack_morphism::prelude::*;

use super::kit::{context, json, section};
use super::text;
use super::view::ids;

/// The view for `views.publish`. `link`: the web app, when it is on.
#[must_use]
pub fn home(link: Option<&str>) -> Value {
    let mut blocks = vec![
        section(
            "*Ask for what you need*\n\
             Choose a flow, fill in its form, and the right people are asked to decide. \
             You get a direct message as soon as they have.",
        ),
        SlackActionsBlock::new(vec![
            SlackBlockButtonElement::new("New request".into())
                .with_action_id(ids::HOME_REQUEST.into())
                .with_style(SlackBlockButtonStyle::Primary)
                .into(),
        ])
        .with_block_id("symbot_home".into())
        .into(),
    ];
    let mut more =
        "You can also type `/sym` in any channel; `/sym help` lists all commands.".to_owned();
    if let Some(link) = link {
        more.push_str(&format!(
            " Requests are also in the {}: `/sym login` signs you in.",
            text::link(link, "web app")
        ));
    }
    blocks.push(context(&more));
    json(&SlackView::Home(SlackHomeView::new(blocks)))
}
