//! What holds for all paths and cannot be said where each is described: examples by which "Try it out" works, bodies that may be
//! left out, the range of numbers.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, RefOr};

use super::examples;

/// Completes the document once all paths are in it.
pub(in crate::api) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    complete_parameter(path, parameter);
                }
            }
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                may_be_left_out(body);
                show(body, examples::of(method, path));
            }
        }
    }
    for schema in document.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
        bound(schema);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_parameter(path: &str, parameter: &mut Parameter) {
    if let Some(schema) = &mut parameter.schema {
        bound(schema);
    }
    let Some(example) = examples::of_parameter(path, &parameter.name) else { return };
    // It tells its example only when it is written.
    if serde_json::to_value(&*parameter).is_ok_and(|written| written["example"].is_null()) {
        let own = std::mem::take(parameter);
        *parameter = ParameterBuilder::from(own).example(Some(Value::from(example))).build();
    }
}

/// A body that is optional is described as one that may be `null`, which no caller may send.
fn may_be_left_out(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(choice))) = &mut content.schema else { continue };
        let before = choice.items.len();
        choice.items.retain(|item| !matches!(item, RefOr::T(Schema::Object(object)) if is_null(object)));
        if choice.items.len() == 1 && before == 2 {
            content.schema = choice.items.pop();
        }
    }
}

fn is_null(object: &Object) -> bool {
    matches!(object.schema_type, SchemaType::Type(Type::Null))
}

fn show(body: &mut RequestBody, example: Option<Value>) {
    let Some(example) = example else { return };
    if let Some(RefOr::T(content)) = body.content.get_mut("application/json") {
        content.example = Some(example);
    }
}

/// Numbers without a sign are said to have 32 bits with one, of which half could not be used.
fn bound(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => bound_object(object),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                bound(items);
            }
        }
        Schema::OneOf(choice) => choice.items.iter_mut().for_each(bound),
        Schema::AllOf(all) => all.items.iter_mut().for_each(bound),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(bound),
        _ => {}
    }
}

fn is_zero(number: &utoipa::Number) -> bool {
    match number {
        utoipa::Number::Int(number) => *number == 0,
        utoipa::Number::UInt(number) => *number == 0,
        utoipa::Number::Float(number) => number.abs() < f64::EPSILON,
    }
}

fn bound_object(object: &mut Object) {
    let has_32_bits = matches!(object.format, Some(SchemaFormat::KnownFormat(KnownFormat::Int32)));
    if has_32_bits && object.minimum.as_ref().is_some_and(is_zero) && object.maximum.is_none() {
        object.format = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
        object.maximum = Some(utoipa::Number::UInt(u32::MAX as usize));
    }
    object.properties.values_mut().for_each(bound);
    if let Some(AdditionalProperties::RefOr(items)) = object.additional_properties.as_deref_mut() {
        bound(items);
    }
}
