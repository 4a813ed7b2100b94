//! Hashes of texts and files, and identifiers made from names.

use std::path::Path;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Function, Outcome, text};
use crate::flows::value::{Unknown, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("md5", 1..=1, |_, arguments| {
        hex::<Md5>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("sha1", 1..=1, |_, arguments| {
        hex::<Sha1>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("sha256", 1..=1, |_, arguments| {
        hex::<Sha256>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("sha512", 1..=1, |_, arguments| {
        hex::<Sha512>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("base64sha256", 1..=1, |_, arguments| {
        base64::<Sha256>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("base64sha512", 1..=1, |_, arguments| {
        base64::<Sha512>(text(arguments, 0)?.as_bytes())
    }),
    Function::new("filemd5", 1..=1, |context, arguments| {
        hex::<Md5>(&bytes(context, arguments)?)
    }),
    Function::new("filesha1", 1..=1, |context, arguments| {
        hex::<Sha1>(&bytes(context, arguments)?)
    }),
    Function::new("filesha256", 1..=1, |context, arguments| {
        hex::<Sha256>(&bytes(context, arguments)?)
    }),
    Function::new("filesha512", 1..=1, |context, arguments| {
        hex::<Sha512>(&bytes(context, arguments)?)
    }),
    Function::new("filebase64sha256", 1..=1, |context, arguments| {
        base64::<Sha256>(&bytes(context, arguments)?)
    }),
    Function::new("filebase64sha512", 1..=1, |context, arguments| {
        base64::<Sha512>(&bytes(context, arguments)?)
    }),
    Function::new("uuidv5", 2..=2, uuidv5),
    // What these give is another value at every run, or needs a key.
    Function::new("uuid", 0..=0, |_, _| Ok(Value::unknown("uuid()"))),
    Function::new("bcrypt", 1..=2, |_, _| {
        Ok(Value::Unknown(Unknown::new("bcrypt()")))
    }),
    Function::new("rsadecrypt", 2..=2, |_, _| {
        Ok(Value::unknown("rsadecrypt()"))
    }),
];

fn bytes(context: &Context<'_>, arguments: &[Value]) -> Result<Vec<u8>, String> {
    let path = text(arguments, 0)?;
    context.files.read_bytes(context.module, Path::new(&*path))
}

fn hex<D: Digest>(bytes: &[u8]) -> Outcome {
    use std::fmt::Write as _;
    let mut result = String::new();
    for byte in D::digest(bytes).iter() {
        let _ = write!(result, "{byte:02x}");
    }
    Ok(result.into())
}

fn base64<D: Digest>(bytes: &[u8]) -> Outcome {
    let digest = D::digest(bytes);
    Ok(STANDARD.encode(&digest[..]).into())
}

fn uuidv5(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let space = text(arguments, 0)?;
    let name = text(arguments, 1)?;
    let space = match &*space {
        "dns" => uuid::Uuid::NAMESPACE_DNS,
        "url" => uuid::Uuid::NAMESPACE_URL,
        "oid" => uuid::Uuid::NAMESPACE_OID,
        "x500" => uuid::Uuid::NAMESPACE_X500,
        other => uuid::Uuid::parse_str(other)
            .map_err(|_| format!("argument 1: {other:?} is no name space and no UUID"))?,
    };
    Ok(uuid::Uuid::new_v5(&space, name.as_bytes())
        .to_string()
        .into())
}
