// Emoji by their Slack names: the ones that bots and people in an approval workflow plausibly use.
// A name that is not here is shown as it was written, `:like_this:`.

const TABLE = `
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|no_entry ⛔|no_entry_sign 🚫
warning ⚠️|rotating_light 🚨|exclamation ❗|heavy_exclamation_mark ❗|question ❓|grey_question ❔|bangbang ‼️|interrobang ⁉️
information_source ℹ️|bulb 💡|bell 🔔|no_bell 🔕|loudspeaker 📢|mega 📣|speech_balloon 💬|thought_balloon 💭|eyes 👀|eye 👁️
lock 🔒|unlock 🔓|closed_lock_with_key 🔐|lock_with_ink_pen 🔏|key 🔑|old_key 🗝️|shield 🛡️|police_car 🚓|cop 👮
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|timer_clock ⏲️|alarm_clock ⏰|watch ⌚|clock1 🕐|clock3 🕒|clock9 🕘|calendar 📆|date 📅|spiral_calendar_pad 🗓️
robot_face 🤖|rocket 🚀|zap ⚡|fire 🔥|boom 💥|sparkles ✨|star ⭐|star2 🌟|tada 🎉|confetti_ball 🎊|trophy 🏆|medal 🏅|100 💯|gift 🎁
wave 👋|raised_hands 🙌|clap 👏|pray 🙏|ok_hand 👌|+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|point_right 👉|point_left 👈|point_up ☝️|point_down 👇|muscle 💪|raised_hand ✋|hand ✋|handshake 🤝|writing_hand ✍️
smile 😄|smiley 😃|grinning 😀|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|blush 😊|heart_eyes 😍|sunglasses 😎|thinking_face 🤔|neutral_face 😐|confused 😕|disappointed 😞|cry 😢|sob 😭|scream 😱|angry 😠|rage 😡|sleeping 😴|nerd_face 🤓|upside_down_face 🙃|sweat_smile 😅|relieved 😌|face_palm 🤦|shrug 🤷|skull 💀|ghost 👻|party_parrot 🦜|see_no_evil 🙈
heart ❤️|blue_heart 💙|green_heart 💚|yellow_heart 💛|purple_heart 💜|broken_heart 💔
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_orange_diamond 🔶|large_blue_diamond 🔷|small_orange_diamond 🔸|small_blue_diamond 🔹|small_red_triangle 🔺|red_square 🟥|green_square 🟩
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrow_forward ▶️|fast_forward ⏩|arrows_counterclockwise 🔄|repeat 🔁|leftwards_arrow_with_hook ↩️|heavy_plus_sign ➕|heavy_minus_sign ➖
memo 📝|pencil 📝|pencil2 ✏️|clipboard 📋|page_facing_up 📄|page_with_curl 📃|scroll 📜|bookmark_tabs 📑|books 📚|book 📖|ledger 📒|file_folder 📁|open_file_folder 📂|card_index_dividers 🗂️|inbox_tray 📥|outbox_tray 📤|package 📦|mailbox 📫|email 📧|e-mail 📧|envelope ✉️|incoming_envelope 📨|paperclip 📎|link 🔗|pushpin 📌|round_pushpin 📍|label 🏷️|mag 🔍|mag_right 🔎|bar_chart 📊|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉
computer 💻|desktop_computer 🖥️|keyboard ⌨️|floppy_disk 💾|cd 💿|telephone_receiver 📞|iphone 📱|satellite_antenna 📡|electric_plug 🔌|battery 🔋|gear ⚙️|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|toolbox 🧰|bug 🐛|test_tube 🧪|construction 🚧|vertical_traffic_light 🚦|octagonal_sign 🛑|recycle ♻️|wastebasket 🗑️|broom 🧹
cloud ☁️|sunny ☀️|snowflake ❄️|umbrella ☔|rainbow 🌈|earth_americas 🌎|globe_with_meridians 🌐|house 🏠|office 🏢|hospital 🏥|bank 🏦|door 🚪|checkered_flag 🏁|triangular_flag_on_post 🚩|white_flag 🏳️
moneybag 💰|credit_card 💳|ticket 🎫|bust_in_silhouette 👤|busts_in_silhouette 👥|baby 👶|coffee ☕|beer 🍺|pizza 🍕|cake 🍰|dog 🐶|cat 🐱|penguin 🐧|whale 🐳|snake 🐍|crab 🦀|turtle 🐢|seedling 🌱|palm_tree 🌴
one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟|zero 0️⃣|sos 🆘|new 🆕|ok 🆗|up 🆙|free 🆓|cool 🆒
`;

const BY_NAME = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((pair) => pair.split(' '))
);

/** The emoji called `name` (without colons), or null. A skin tone is ignored. */
export function emoji(name) {
  return BY_NAME.get(name.replace(/::skin-tone-[2-6]$/, '')) ?? null;
}
