//! Spot prices and the Price List, as they come over the wire.

use serde_json::{Value, json};
use spotcron::domain::{InstanceType, Window};
use spotcron::ports::{BatchService, FailureKind, ListPriceSource, PriceProblem, SpotPriceSource};

use super::wire::{Answer, Wire};

fn window() -> Window {
    let at = |text: &str| text.parse().unwrap();
    Window::new(at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"))
}

fn row(zone: &str, product: &str, price: &str, time: &str) -> String {
    let zone = if zone.is_empty() {
        String::new()
    } else {
        format!("<availabilityZone>{zone}</availabilityZone>")
    };
    format!(
        "<item><instanceType>c5.large</instanceType>\
         <productDescription>{product}</productDescription><spotPrice>{price}</spotPrice>\
         <timestamp>{time}</timestamp>{zone}</item>"
    )
}

fn page(rows: &[String], token: &str) -> Answer {
    Answer::ok(format!(
        "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet>{}</spotPriceHistorySet>\
         {token}</DescribeSpotPriceHistoryResponse>",
        rows.concat()
    ))
}

#[tokio::test]
async fn all_pages_are_read_until_the_empty_token_and_merged() {
    let (vpc, plain) = ("Linux/UNIX (Amazon VPC)", "Linux/UNIX");
    let wire = Wire::answering([
        page(
            &[
                row("us-east-1b", vpc, "0.036000", "2026-03-01T05:00:00.000Z"),
                row("us-east-1a", plain, "0.034000", "2026-02-27T05:00:00.000Z"),
            ],
            "<nextToken>more</nextToken>",
        ),
        page(&[row("us-east-1b", plain, "0.035000", "2026-03-01T05:00:00.000Z")], "<nextToken/>"),
    ])
    .await;
    let types = [InstanceType::from("c5.large")];
    let points = wire.cloud.spot_prices(&"us-east-1".into(), &types, window()).await.unwrap();
    let shown: Vec<String> =
        points.iter().map(|p| format!("{} {} {}", p.pool, p.price, p.effective_from)).collect();
    assert_eq!(
        shown,
        [
            "c5.large in us-east-1a 0.0340 2026-02-27T05:00:00Z",
            "c5.large in us-east-1b 0.0350 2026-03-01T05:00:00Z"
        ]
    );
    let asked = wire.asked();
    assert_eq!(asked.len(), 2);
    for part in [
        "InstanceType.1=c5.large",
        "ProductDescription.1=Linux%2FUNIX&",
        "StartTime=2026-03-01T00%3A00%3A00Z",
        "EndTime=2026-03-02T00%3A00%3A00Z",
    ] {
        assert!(asked[0].body.contains(part), "{part}: {}", asked[0].body);
    }
    assert!(asked[1].body.contains("NextToken=more"), "{}", asked[1].body);
}

#[tokio::test]
async fn one_bad_row_fails_the_refresh_by_name() {
    let good = row("us-east-1a", "Linux/UNIX", "0.034000", "2026-03-01T05:00:00Z");
    let bad = row("", "Linux/UNIX", "0.034000", "2026-03-01T05:00:00Z");
    let wire = Wire::answering([page(&[good, bad], "")]).await;
    let types = [InstanceType::from("c5.large")];
    let error = wire.cloud.spot_prices(&"us-east-1".into(), &types, window()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BadResponse);
    assert_eq!(
        error.to_string(),
        "DescribeSpotPriceHistory: no zone in the spot price {zone -, type c5.large, product \
         Linux/UNIX, price 0.034000, time 2026-03-01T05:00:00Z}"
    );
}

#[tokio::test]
async fn instance_types_are_expanded_over_all_pages() {
    let page = |kind: &str, token: &str| {
        Answer::ok(format!(
            "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>{kind}\
             </instanceType><processorInfo><supportedArchitectures><item>x86_64</item>\
             </supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>4</defaultVCpus>\
             </vCpuInfo><memoryInfo><sizeInMiB>16384</sizeInMiB></memoryInfo><gpuInfo><gpus><item>\
             <count>1</count></item></gpus></gpuInfo></item></instanceTypeSet>{token}\
             </DescribeInstanceTypesResponse>"
        ))
    };
    let more = "<nextToken>more</nextToken>";
    let wire = Wire::answering([page("g4dn.xlarge", more), page("g4dn.2xlarge", "")]).await;
    let shapes = wire.cloud.expand_instance_types(&"us-east-1".into(), &["g4dn".to_owned()]).await;
    let shapes = shapes.unwrap();
    assert_eq!(shapes.len(), 2);
    let shape = &shapes["g4dn.xlarge"];
    assert_eq!((shape.vcpus, shape.memory_mib, shape.gpus), (4, 16_384, 1));
    assert!(wire.asked()[0].body.contains("Filter.1.Value.1=g4dn.%2A"), "{:?}", wire.asked());
}

fn product(kind: &str, usd: &str) -> Value {
    let product = json!({
        "product": { "attributes": { "instanceType": kind, "regionCode": "us-west-2" } },
        "terms": { "OnDemand": { "a": {
            "effectiveDate": "2026-01-01T00:00:00Z",
            "priceDimensions": { "b": { "unit": "Hrs", "pricePerUnit": { "USD": usd } } }
        } } }
    });
    Value::String(product.to_string())
}

fn products(list: &[Value]) -> Answer {
    Answer::ok(json!({ "FormatVersion": "aws_v1", "PriceList": list }))
}

#[tokio::test]
async fn exactly_one_product_is_a_price_and_all_else_a_problem() {
    let wire = Wire::answering([
        products(&[product("c5.large", "0.0850000000")]),
        products(&[]),
        products(&[product("c5.large", "0.1"), product("c5.large", "0.2")]),
        products(&[product("c5.large", "0.0000000000")]),
        Answer::Http(400, json!({ "__type": "AccessDeniedException" }).to_string(), None),
    ])
    .await;
    let types = vec![InstanceType::from("c5.large"); 5];
    let answers = wire.cloud.on_demand_prices(&"us-west-2".into(), &types).await;
    let shown: Vec<String> = answers
        .iter()
        .map(|answer| match answer {
            Ok(price) => format!("{} since {}", price.price, price.effective_from),
            Err(problem) => problem.to_string(),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "0.0850 since 2026-01-01T00:00:00Z",
            "the Price List has no on-demand Linux product for c5.large",
            "the Price List has 2 products for c5.large where exactly one was expected",
            "the Price List's product for c5.large cannot be read: its price is zero",
            "c5.large: GetProducts: AccessDeniedException (HTTP 400)",
        ]
    );
    let asked = wire.asked()[0].json();
    assert_eq!(asked["ServiceCode"], "AmazonEC2");
    let filters: Vec<String> = asked["Filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {}={}", f["Type"], f["Field"], f["Value"]).replace('"', ""))
        .collect();
    assert_eq!(
        filters,
        [
            "TERM_MATCH instanceType=c5.large",
            "TERM_MATCH regionCode=us-west-2",
            "TERM_MATCH operatingSystem=Linux",
            "TERM_MATCH tenancy=Shared",
            "TERM_MATCH preInstalledSw=NA",
            "TERM_MATCH capacitystatus=Used",
            "TERM_MATCH licenseModel=No License required",
        ]
    );
}

#[tokio::test]
async fn a_price_list_that_is_away_is_not_asked_for_every_type() {
    let denied =
        || Answer::Http(400, json!({ "__type": "AccessDeniedException" }).to_string(), None);
    let wire = Wire::answering([denied(), denied(), denied()]).await;
    let types: Vec<InstanceType> =
        (0..50).map(|i| InstanceType::from(format!("c{i}.large"))).collect();
    let answers = wire.cloud.on_demand_prices(&"us-west-2".into(), &types).await;
    assert_eq!(wire.asked().len(), 3);
    assert_eq!(answers.len(), 50);
    for (kind, answer) in types.iter().zip(answers) {
        let Err(PriceProblem::Failed(named, error)) = answer else { panic!("{answer:?}") };
        assert_eq!((&named, error.kind), (kind, FailureKind::Denied));
    }
}

#[tokio::test]
async fn fargate_prices_come_from_every_page() {
    let usage = |usage: &str, usd: &str| {
        let product = json!({
            "product": { "attributes": { "usagetype": usage, "regionCode": "us-east-1" } },
            "terms": { "OnDemand": { "a": {
                "effectiveDate": "2026-01-01T00:00:00Z",
                "priceDimensions": { "b": { "unit": "hours", "pricePerUnit": { "USD": usd } } }
            } } }
        });
        Value::String(product.to_string())
    };
    let first = json!({ "NextToken": "more", "PriceList": [
        usage("USE1-Fargate-vCPU-Hours:perCPU", "0.04048") ] });
    let second =
        json!({ "NextToken": "", "PriceList": [usage("USE1-Fargate-GB-Hours", "0.004445")] });
    let wire = Wire::answering([Answer::ok(first), Answer::ok(second)]).await;
    let prices = wire.cloud.fargate_prices(&"us-east-1".into()).await.unwrap();
    assert_eq!(prices.len(), 1);
    assert_eq!(prices[0].architecture, "x86_64");
    assert_eq!(prices[0].vcpu_hour.to_string(), "0.04048");
    assert_eq!(wire.asked().len(), 2);
}
