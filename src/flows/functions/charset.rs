//! `textencodebase64` and `textdecodebase64`: text in other character encodings, by their IANA names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

use super::{Context, Function, Outcome, text};
use crate::flows::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("textencodebase64", 2..=2, encode),
    Function::new("textdecodebase64", 2..=2, decode),
];

/// An encoding that Terraform knows.
enum Charset {
    Utf8,
    Utf16 {
        big_endian: bool,
        /// With a mark in front that says which order it is.
        marked: bool,
    },
    Latin1,
    Other(&'static Encoding),
    /// Terraform knows it; no library here does.
    Unsupported,
}

/// Names that mean the same here and in IANA's list, with the encodings of the WHATWG that have them.
const SHARED: [&str; 27] = [
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "ibm866",
    "big5",
];

/// The same for East Asian encodings; the first is what the WHATWG calls the second.
const EAST_ASIAN: [(&str, &str); 8] = [
    ("shift_jis", "shift_jis"),
    ("ms_kanji", "shift_jis"),
    ("csshiftjis", "shift_jis"),
    ("euc-jp", "euc-jp"),
    ("iso-2022-jp", "iso-2022-jp"),
    ("euc-kr", "euc-kr"),
    ("gbk", "gbk"),
    ("gb18030", "gb18030"),
];

fn charset(name: &str) -> Result<Charset, String> {
    let name = name.to_ascii_lowercase();
    let utf16 = |big_endian, marked| Charset::Utf16 { big_endian, marked };
    Ok(match name.as_str() {
        "utf-8" => Charset::Utf8,
        "utf-16" => utf16(true, true),
        "utf-16be" => utf16(true, false),
        "utf-16le" => utf16(false, false),
        "iso-8859-1" | "latin1" | "l1" | "iso_8859-1" => Charset::Latin1,
        // These differ from the WHATWG's encodings of the same names.
        "iso-8859-9" | "hz-gb-2312" | "iso-8859-6-e" | "iso-8859-6-i" | "iso-8859-8-e"
        | "iso-8859-8-i" => Charset::Unsupported,
        name if name.starts_with("ibm") && name != "ibm866" => Charset::Unsupported,
        name if name.starts_with("cp") || name.starts_with("cs") && name != "csshiftjis" => {
            Charset::Unsupported
        }
        name => {
            let label = EAST_ASIAN
                .iter()
                .find(|(iana, _)| *iana == name)
                .map(|(_, label)| *label)
                .or_else(|| SHARED.contains(&name).then_some(name));
            let found = label.and_then(|label| Encoding::for_label(label.as_bytes()));
            Charset::Other(found.ok_or_else(|| {
                format!("argument 2: {name:?} is not a supported IANA encoding name")
            })?)
        }
    })
}

fn encode(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let all = text(arguments, 0)?;
    let name = text(arguments, 1)?;
    let missing = || format!("argument 1: a character does not exist in {name}");
    let bytes = match charset(&name)? {
        Charset::Utf8 => all.as_bytes().to_vec(),
        Charset::Utf16 { big_endian, marked } => {
            let mark = marked.then_some(0xfeff);
            let units = mark.into_iter().chain(all.encode_utf16());
            if big_endian {
                units.flat_map(u16::to_be_bytes).collect()
            } else {
                units.flat_map(u16::to_le_bytes).collect()
            }
        }
        Charset::Latin1 => all
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)))
            .collect::<Result<_, _>>()
            .map_err(|_| missing())?,
        Charset::Other(encoding) => {
            let (bytes, _, replaced) = encoding.encode(&all);
            if replaced {
                return Err(missing());
            }
            bytes.into_owned()
        }
        Charset::Unsupported => return Ok(Value::unknown("textencodebase64()")),
    };
    Ok(STANDARD.encode(bytes).into())
}

fn decode(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let encoded = text(arguments, 0)?;
    let name = text(arguments, 1)?;
    let charset = charset(&name)?;
    let bytes = STANDARD
        .decode(encoded.as_bytes())
        .map_err(|_| "argument 1: this is not base64".to_owned())?;
    let wrong = || format!("argument 1: these bytes are no text in {name}");
    let decoded = match charset {
        Charset::Utf8 => String::from_utf8(bytes).map_err(|_| wrong())?,
        Charset::Utf16 { big_endian, marked } => {
            let mut units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| {
                    let unit = u16::from(pair[0]) << 8 | u16::from(pair[1]);
                    if big_endian { unit } else { unit.swap_bytes() }
                })
                .collect();
            if bytes.len() % 2 == 1 {
                return Err(wrong());
            }
            match units.first() {
                Some(0xfeff) if marked => drop(units.remove(0)),
                Some(0xfffe) if marked => {
                    units.remove(0);
                    units.iter_mut().for_each(|unit| *unit = unit.swap_bytes());
                }
                _ => {}
            }
            String::from_utf16(&units).map_err(|_| wrong())?
        }
        Charset::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Charset::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes)
            .ok_or_else(wrong)?
            .into_owned(),
        Charset::Unsupported => return Ok(Value::unknown("textdecodebase64()")),
    };
    Ok(decoded.into())
}
