use serde_json::{Value, json};

use super::*;

fn dimension(unit: &str, prices: Value) -> Value {
    json!({ "unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": prices })
}

fn product(attributes: Value, dimensions: Value) -> Value {
    json!({
        "product": { "productFamily": "Compute Instance", "sku": "S", "attributes": attributes },
        "serviceCode": "AmazonEC2",
        "terms": {
            "OnDemand": { "S.JRT": {
                "offerTermCode": "JRT", "effectiveDate": "2026-01-01T00:00:00Z",
                "priceDimensions": dimensions, "termAttributes": {}
            } },
            "Reserved": { "S.X": { "anything": [1, 2] } }
        }
    })
}

fn instance(dimensions: Value) -> String {
    let attributes = json!({ "instanceType": "c5.xlarge", "regionCode": "us-east-1", "vcpu": "4" });
    product(attributes, dimensions).to_string()
}

fn read(product: &str) -> Result<ListPrice, String> {
    instance_price(product, &"us-east-1".into(), &"c5.xlarge".into())
}

#[test]
fn a_price_is_read_exactly() {
    let good = instance(json!({ "S.JRT.6YS": dimension("Hrs", json!({ "USD": "0.1700000001" })) }));
    let price = read(&good).unwrap();
    assert_eq!(price.price.units(), 1_700_000_001);
    assert_eq!(price.effective_from, "2026-01-01T00:00:00Z".parse().unwrap());
}

#[test]
fn whatever_is_not_as_expected_is_refused_with_its_reason() {
    let one = |unit: &str, prices: Value| instance(json!({ "A": dimension(unit, prices) }));
    let usd = |text: &str| json!({ "USD": text });
    let two = json!({ "A": dimension("Hrs", usd("0.1")), "B": dimension("Hrs", usd("0.2")) });
    for (product, problem) in [
        (one("Hrs", usd("0.0000000000")), "its price is zero"),
        (one("Hrs", usd("free")), "its price `free` is not a decimal number"),
        (one("Hrs", usd("-0.1")), "its price `-0.1` is not a decimal number"),
        (one("Hrs", json!({ "CNY": "1.0" })), "it has no price in USD (but in: CNY)"),
        (one("Quantity", usd("0.1")), "it is priced per `Quantity`, not per hour (`Hrs`)"),
        (instance(two), "it has 2 price dimensions where one was expected"),
        (instance(json!({})), "it has no price dimension"),
        (json!({ "product": {}, "terms": {} }).to_string(), "it has no on-demand offer"),
        (json!({ "product": {} }).to_string(), "it has no on-demand offer"),
    ] {
        assert_eq!(read(&product), Err(problem.to_owned()));
    }
    for broken in ["", "{", "[]", "null", "{\"product\": 1}"] {
        let error = read(broken).unwrap_err();
        assert!(error.starts_with("it is not the JSON expected: "), "{error}");
    }
}

#[test]
fn another_types_or_regions_price_is_refused() {
    let good = instance(json!({ "A": dimension("Hrs", json!({ "USD": "0.17" })) }));
    let wrong = instance_price(&good, &"us-east-1".into(), &"c5.large".into());
    assert_eq!(wrong.unwrap_err(), "its instanceType is c5.xlarge where c5.large was asked for");
    let wrong = instance_price(&good, &"eu-west-1".into(), &"c5.xlarge".into());
    assert_eq!(wrong.unwrap_err(), "its regionCode is us-east-1 where eu-west-1 was asked for");
}

fn usage(usage_type: &str, unit: &str, usd: &str) -> String {
    let attributes = json!({ "usagetype": usage_type, "regionCode": "us-east-1" });
    let dimensions = json!({ "A": dimension(unit, json!({ "USD": usd })) });
    product(attributes, dimensions).to_string()
}

fn fargate(products: &[String]) -> Result<Vec<(String, String, String)>, String> {
    let shown = |p: FargatePrice| (p.architecture, p.vcpu_hour.to_string(), p.gib_hour.to_string());
    Ok(fargate_prices(products, &"us-east-1".into())?.into_iter().map(shown).collect())
}

#[test]
fn fargate_is_told_from_its_spot_windows_and_storage_variants() {
    let products = [
        usage("USE1-Fargate-vCPU-Hours:perCPU", "hours", "0.0404800000"),
        usage("USE1-Fargate-GB-Hours", "hours", "0.0044450000"),
        usage("Fargate-ARM-vCPU-Hours:perCPU", "hours", "0.0323800000"),
        usage("Fargate-ARM-GB-Hours", "GB-Hours", "0.0035600000"),
        usage("USE1-SpotUsage-Fargate-vCPU-Hours:perCPU", "hours", "0.0100000000"),
        usage("SpotUsage-Fargate-GB-Hours", "hours", "0.0010000000"),
        usage("USE1-Fargate-Windows-vCPU-Hours:perCPU", "hours", "0.0900000000"),
        usage("USE1-Fargate-Windows-GB-Hours", "hours", "0.0090000000"),
        usage("USE1-Fargate-EphemeralStorage-GB-Hours", "GB-Hours", "0.0001000000"),
        usage("USE1-ECS-Anywhere-Instance-hours", "Hours", "0.0000000000"),
    ];
    let expected = [
        ("x86_64".to_owned(), "0.04048".to_owned(), "0.004445".to_owned()),
        ("arm64".to_owned(), "0.03238".to_owned(), "0.00356".to_owned()),
    ];
    assert_eq!(fargate(&products), Ok(expected.to_vec()));
    assert_eq!(fargate(&products[..2]), Ok(expected[..1].to_vec()));
    assert_eq!(fargate(&products[4..]), Ok(vec![]));
}

#[test]
fn half_or_double_fargate_prices_are_refused() {
    let vcpu = usage("USE1-Fargate-vCPU-Hours:perCPU", "hours", "0.0404800000");
    let gib = usage("USE1-Fargate-GB-Hours", "hours", "0.0044450000");
    let monthly = usage("USE1-Fargate-GB-Hours", "GB-Mo", "0.0044450000");
    for (products, problem) in [
        (vec![vcpu.clone()], "Fargate-vCPU-Hours:perCPU has a price but Fargate-GB-Hours has none"),
        (
            vec![vcpu.clone(), gib.clone(), gib],
            "there are 2 products for Fargate-GB-Hours, not one",
        ),
        (vec![vcpu, monthly], "Fargate-GB-Hours is priced per `GB-Mo`, not per hour"),
    ] {
        assert_eq!(fargate(&products), Err(problem.to_owned()));
    }
}
