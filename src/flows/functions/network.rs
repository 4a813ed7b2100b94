//! Functions on IP networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Context, Function, Outcome, list, number, text, whole_number};
use crate::flows::types::{Type, convert};
use crate::flows::value::{ListKind, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("cidrhost", 2..=2, cidrhost),
    Function::new("cidrnetmask", 1..=1, cidrnetmask),
    Function::new("cidrsubnet", 3..=3, cidrsubnet),
    Function::variadic("cidrsubnets", 1, cidrsubnets),
];

/// A network; addresses of both families as numbers.
#[derive(Clone, Copy)]
struct Network {
    base: u128,
    prefix: u32,
    bits: u32,
}

impl Network {
    fn parse(written: &str) -> Result<Self, String> {
        let bad = || format!("argument 1: {written:?} is not a network like 10.0.0.0/8");
        let (address, prefix) = written.split_once('/').ok_or_else(bad)?;
        let prefix: u32 = prefix.parse().map_err(|_| bad())?;
        let (address, bits) = match address_of(address).ok_or_else(bad)? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        if prefix > bits {
            return Err(bad());
        }
        let network = Self {
            base: 0,
            prefix,
            bits,
        };
        Ok(Self {
            base: address & !network.host_mask(),
            ..network
        })
    }

    fn host_mask(self) -> u128 {
        match self.bits - self.prefix {
            128 => u128::MAX,
            host_bits => (1u128 << host_bits) - 1,
        }
    }

    fn address(self, value: u128) -> String {
        if self.bits == 32 {
            Ipv4Addr::from(u32::try_from(value).unwrap_or(u32::MAX)).to_string()
        } else {
            Ipv6Addr::from(value).to_string()
        }
    }

    fn shown(self) -> Value {
        format!("{}/{}", self.address(self.base), self.prefix).into()
    }

    fn subnet(self, new_bits: i64, index: u128) -> Result<Self, String> {
        let prefix = u32::try_from(new_bits)
            .ok()
            .and_then(|new_bits| self.prefix.checked_add(new_bits))
            .filter(|prefix| *prefix <= self.bits)
            .ok_or_else(|| {
                format!(
                    "there is no room for {new_bits} more bits in a /{}",
                    self.prefix
                )
            })?;
        let available = prefix - self.prefix;
        if available < 128 && index >> available != 0 {
            return Err(format!("subnet {index} does not fit into {available} bits"));
        }
        let shift = self.bits - prefix;
        let offset = if shift >= 128 { 0 } else { index << shift };
        Ok(Self {
            base: self.base | offset,
            prefix,
            bits: self.bits,
        })
    }
}

/// An address; as in Terraform, the numbers of one of the fourth version may have leading zeros.
fn address_of(written: &str) -> Option<IpAddr> {
    let parts: Vec<&str> = written.split('.').collect();
    if let ([_, _, _, _], false) = (parts.as_slice(), written.contains(':')) {
        let mut bytes = [0u8; 4];
        for (byte, part) in bytes.iter_mut().zip(&parts) {
            let digits = !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
            *byte = part.parse().ok().filter(|_| digits)?;
        }
        return Some(IpAddr::V4(Ipv4Addr::from(bytes)));
    }
    written.parse().ok()
}

fn cidrhost(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let network = Network::parse(&text(arguments, 0)?)?;
    let wanted = number(arguments, 1)?;
    let host = wanted
        .to_i128()
        .ok_or("argument 2: a whole number is required")?;
    let size = network.host_mask();
    let index = if host < 0 {
        // Negative numbers count from the end.
        size.checked_sub(host.unsigned_abs() - 1)
    } else {
        Some(host.unsigned_abs()).filter(|host| *host <= size)
    };
    match index {
        Some(index) => Ok(network.address(network.base | index).into()),
        None => Err(format!("a /{} has no host {wanted}", network.prefix)),
    }
}

fn cidrnetmask(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let network = Network::parse(&text(arguments, 0)?)?;
    if network.bits != 32 {
        return Err("only IPv4 networks have a netmask".to_owned());
    }
    let mask = u128::from(u32::MAX) & !network.host_mask();
    Ok(network.address(mask).into())
}

fn cidrsubnet(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let network = Network::parse(&text(arguments, 0)?)?;
    let index = number(arguments, 2)?
        .to_i128()
        .and_then(|index| u128::try_from(index).ok())
        .ok_or("argument 3: a whole number from 0 on is required")?;
    Ok(network.subnet(whole_number(arguments, 1)?, index)?.shown())
}

fn cidrsubnets(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let network = Network::parse(&text(arguments, 0)?)?;
    let spread = match arguments.get(1) {
        Some(Value::List(_)) => list(arguments, 1)?.items.clone(),
        _ => arguments.iter().skip(1).cloned().collect(),
    };
    let mut next = network.base;
    let mut subnets = Vec::new();
    for bits in &spread {
        let bits = match convert(bits, &Type::Number)? {
            Value::Number(number) => number.to_i64().ok_or("whole numbers are required")?,
            other => return Err(format!("a number is required, not {}", other.kind_name())),
        };
        if bits < 1 {
            return Err("each subnet must be smaller than the network".to_owned());
        }
        let mut subnet = network.subnet(bits, 0)?;
        let mask = subnet.host_mask();
        // The next free address, rounded up to where a subnet of this size may start.
        let start = next.checked_add(mask).map(|address| address & !mask);
        match start.filter(|start| start & !network.host_mask() == network.base) {
            Some(start) => subnet.base = start,
            None => {
                return Err(format!(
                    "there is no room left for a subnet with {bits} more bits"
                ));
            }
        }
        next = subnet.base.saturating_add(mask).saturating_add(1);
        subnets.push(subnet.shown());
    }
    Ok(Value::list(ListKind::List, subnets))
}
