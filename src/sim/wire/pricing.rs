//! The Price List: products of EC2 and of Fargate with their prices (simulated-aws.md §3).

mod document;
mod fargate;
mod filter;
mod instances;

use serde_json::{Value, json};

use super::paging::{page, read_token};
use super::protocol::{Call, Fault, Output};
use crate::sim::state::State;
use document::Product;
use filter::Filter;

/// Where the Price List is served (simulated-aws.md §3).
const REGIONS: [&str; 3] = ["us-east-1", "eu-central-1", "ap-south-1"];
const MOST: usize = 100;

pub(super) fn call(state: &State, region: &str, call: &Call) -> Result<Output, Fault> {
    if !REGIONS.contains(&region) {
        let message = format!("Credential should be scoped to a valid region, not '{region}'.");
        return Err(Fault::new(403, "InvalidSignatureException", message));
    }
    match call.operation.as_str() {
        "GetProducts" => get_products(state, call).map(Output::Json),
        _ => Err(call.unknown()),
    }
}

fn invalid(problem: impl std::fmt::Display) -> Fault {
    let message = format!("Input Parameters are invalid. {problem}");
    Fault::new(400, "InvalidParameterException", message)
}

fn get_products(state: &State, call: &Call) -> Result<Value, Fault> {
    let input = call.json();
    let text = |name: &str| input.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let service =
        text("ServiceCode").ok_or_else(|| invalid("serviceCode cannot be null or empty"))?;
    if !service.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(invalid("ServiceCode can only contain a-z, A-Z, 0-9"));
    }
    if text("FormatVersion").is_some_and(|version| version != "aws_v1") {
        return Err(invalid("FormatVersion can only be aws_v1"));
    }
    let limit = match input.get("MaxResults") {
        None | Some(Value::Null) => MOST,
        Some(value) => {
            let limit = value.as_u64().and_then(|value| usize::try_from(value).ok());
            limit
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| invalid(format!("MaxResults must be between 1 and {MOST}")))?
        }
    };
    let filters = Filter::all(input.get("Filters"))?;
    let products: Vec<Product> = match service {
        "AmazonEC2" => instances::products(state, Filter::exactly(&filters, "instanceType")),
        "AmazonECS" => fargate::products(state),
        _ => {
            let message = format!("The service code {service} was not found.");
            return Err(Fault::new(400, "NotFoundException", message));
        }
    };
    // Tokens belong to a service as well as to the operation.
    let operation = format!("{}/{service}", call.operation);
    let after = text("NextToken").map(|token| {
        let message = "The pagination token is invalid. Try again without a pagination token.";
        let unknown = || Fault::new(400, "InvalidNextTokenException", message);
        read_token(&operation, token).ok_or_else(unknown)
    });
    let wanted = products.into_iter().filter(|product| filters.iter().all(|f| f.admits(product)));
    let rows = wanted.map(|product| ((0, product.sku()), product)).collect();
    let (products, next) = page(&operation, rows, after.transpose()?.as_ref(), limit);
    // Each product is a JSON text.
    let list: Vec<String> =
        products.iter().map(|product| product.document(state).to_string()).collect();
    let mut answer = json!({ "FormatVersion": "aws_v1", "PriceList": list });
    if let Some(token) = next {
        answer["NextToken"] = Value::String(token);
    }
    Ok(answer)
}
