//! Plain data between JSON and Python objects, inside a worker.
//!
//! Python to JSON takes exact builtin types only, with limits on depth and size: a result cannot run code here or grow
//! without bound.

use rustpython_vm::builtins::{PyBaseExceptionRef, PyDict, PyFloat, PyInt, PyList, PyStr, PyTuple};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};
use serde_json::{Map, Number, Value};

use super::wire::RESULT_MAX_BYTES;

const DEPTH_MAX: usize = 64;

/// JSON as Python objects.
pub fn to_python(value: &Value, vm: &VirtualMachine) -> PyResult {
    Ok(match value {
        Value::Null => vm.ctx.none(),
        Value::Bool(value) => vm.ctx.new_bool(*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => vm.ctx.new_int(value).into(),
            (None, Some(value)) => vm.ctx.new_int(value).into(),
            (None, None) => vm.ctx.new_float(number.as_f64().unwrap_or(f64::NAN)).into(),
        },
        Value::String(text) => vm.ctx.new_str(text.as_str()).into(),
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| to_python(item, vm))
                .collect::<PyResult<Vec<_>>>()?;
            vm.ctx.new_list(items).into()
        }
        Value::Object(entries) => {
            let dict = vm.ctx.new_dict();
            for (key, item) in entries {
                dict.set_item(key.as_str(), to_python(item, vm)?, vm)?;
            }
            dict.into()
        }
    })
}

/// Plain Python data as JSON.
pub fn to_json(object: &PyObject, vm: &VirtualMachine) -> PyResult<Value> {
    let mut left = RESULT_MAX_BYTES;
    convert(object, DEPTH_MAX, &mut left, vm)
}

fn too_large(vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_value_error(format!(
        "the result is larger than {RESULT_MAX_BYTES} bytes"
    ))
}

fn spend(left: &mut usize, bytes: usize, vm: &VirtualMachine) -> PyResult<()> {
    match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(too_large(vm)),
    }
}

fn text_of(object: &PyObject, left: &mut usize, vm: &VirtualMachine) -> PyResult<Option<String>> {
    let Some(text) = object.downcast_ref_if_exact::<PyStr>(vm) else {
        return Ok(None);
    };
    spend(left, text.as_wtf8().len() + 2, vm)?;
    Ok(Some(text.to_string_lossy().into_owned()))
}

fn convert(
    object: &PyObject,
    depth: usize,
    left: &mut usize,
    vm: &VirtualMachine,
) -> PyResult<Value> {
    if depth == 0 {
        return Err(vm.new_value_error("the result is nested too deeply"));
    }
    spend(left, 4, vm)?;
    if vm.is_none(object) {
        return Ok(Value::Null);
    }
    if object.is(&vm.ctx.true_value) {
        return Ok(Value::Bool(true));
    }
    if object.is(&vm.ctx.false_value) {
        return Ok(Value::Bool(false));
    }
    if let Some(text) = text_of(object, left, vm)? {
        return Ok(Value::String(text));
    }
    if let Some(value) = object.downcast_ref_if_exact::<PyInt>(vm) {
        let number = value.as_bigint();
        return match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Ok(Value::Number(number.into())),
            (_, Ok(number)) => Ok(Value::Number(number.into())),
            _ => Err(vm.new_value_error("a number in the result is too large")),
        };
    }
    if let Some(value) = object.downcast_ref_if_exact::<PyFloat>(vm) {
        return Ok(Number::from_f64(value.to_f64()).map_or(Value::Null, Value::Number));
    }
    if let Some(list) = object.downcast_ref_if_exact::<PyList>(vm) {
        let items: Vec<PyObjectRef> = list.borrow_vec().to_vec();
        return items_of(&items, depth, left, vm);
    }
    if let Some(tuple) = object.downcast_ref_if_exact::<PyTuple>(vm) {
        return items_of(tuple.as_slice(), depth, left, vm);
    }
    if let Some(dict) = object.downcast_ref_if_exact::<PyDict>(vm) {
        let mut entries = Map::new();
        for (key, item) in dict.items_vec() {
            let Some(key) = text_of(&key, left, vm)? else {
                return Err(vm.new_type_error("keys of the result must be text"));
            };
            entries.insert(key, convert(&item, depth - 1, left, vm)?);
        }
        return Ok(Value::Object(entries));
    }
    Err(vm.new_type_error(format!(
        "a {} cannot be handed to the host",
        object.class().name()
    )))
}

fn items_of(
    items: &[PyObjectRef],
    depth: usize,
    left: &mut usize,
    vm: &VirtualMachine,
) -> PyResult<Value> {
    items
        .iter()
        .map(|item| convert(item, depth - 1, left, vm))
        .collect::<PyResult<Vec<_>>>()
        .map(Value::Array)
}
