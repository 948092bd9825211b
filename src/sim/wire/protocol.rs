//! From an HTTP request to an operation with its input, and from its answer back. Four dialects: REST
//! with JSON (Batch), JSON 1.1 (ECS, Price List), the query protocol with XML (STS) and EC2's own
//! variant of that.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use serde_json::{Map, Value, json};

use super::xml::Element;

/// A service that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Batch,
    Ecs,
    Ec2,
    Pricing,
    Sts,
}

/// A parsed request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) service: Service,
    /// AWS's name: `SubmitJob`.
    pub(super) operation: String,
    pub(super) input: Input,
}

/// What the caller sent.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Json(Map<String, Value>),
    /// Flat parameters of the query protocol: `Filter.1.Name`.
    Query(BTreeMap<String, String>),
}

/// What an operation answers.
#[derive(Debug, Clone)]
pub(super) enum Output {
    Json(Value),
    /// What goes into `<OperationResponse>` (EC2) or `<OperationResult>` (STS).
    Xml(Vec<Element>),
}

/// An error as AWS words it: a code, a text, a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Fault {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// Batch's word for a request that is wrong.
    pub(super) fn client(message: impl Into<String>) -> Self {
        Fault::new(400, "ClientException", message)
    }
}

impl Service {
    /// The name in a signature's scope.
    pub(super) const fn signing_name(self) -> &'static str {
        match self {
            Service::Batch => "batch",
            Service::Ecs => "ecs",
            Service::Ec2 => "ec2",
            Service::Pricing => "pricing",
            Service::Sts => "sts",
        }
    }

    pub(super) fn of_signing_name(name: &str) -> Option<Self> {
        [Service::Batch, Service::Ecs, Service::Ec2, Service::Pricing, Service::Sts]
            .into_iter()
            .find(|service| service.signing_name() == name)
    }

    /// The code for a request that names no operation of the service.
    fn unknown_operation(self, operation: &str) -> Fault {
        let message = format!("{operation} is not simulated");
        match self {
            Service::Batch => Fault::new(404, "UnknownOperationException", message),
            Service::Ecs | Service::Pricing => {
                Fault::new(400, "UnknownOperationException", message)
            }
            Service::Ec2 | Service::Sts => Fault::new(400, "InvalidAction", message),
        }
    }
}

impl Call {
    /// Reads the operation and its input; `service` is what the signature's scope names.
    pub(super) fn parse(
        service: Service,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Call, Fault> {
        match service {
            Service::Batch => rest_json(method, uri, body),
            Service::Ecs | Service::Pricing => {
                let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
                let operation = target.and_then(|target| target.rsplit('.').next());
                let operation = operation.ok_or_else(|| service.unknown_operation("(none)"))?;
                let input = Input::Json(json_object(body)?);
                Ok(Call { service, operation: operation.to_owned(), input })
            }
            Service::Ec2 | Service::Sts => {
                let input: BTreeMap<String, String> =
                    form_urlencoded::parse(body).into_owned().collect();
                let operation = input.get("Action").cloned();
                let operation = operation.ok_or_else(|| service.unknown_operation("(none)"))?;
                Ok(Call { service, operation, input: Input::Query(input) })
            }
        }
    }

    pub(super) fn unknown(&self) -> Fault {
        self.service.unknown_operation(&self.operation)
    }

    /// The members of a JSON request; empty for one of the query protocol.
    pub(super) fn json(&self) -> &Map<String, Value> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match &self.input {
            Input::Json(members) => members,
            Input::Query(_) => &EMPTY,
        }
    }

    /// A parameter of the query protocol.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        match &self.input {
            Input::Query(parameters) => parameters.get(name).map(String::as_str),
            Input::Json(_) => None,
        }
    }

    /// `name.1`, `name.2` and so on, in order.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|n| self.parameter(&format!("{name}.{n}"))).collect()
    }

    /// EC2's `Filter.N.Name` with `Filter.N.Value.M`.
    pub(super) fn filters(&self) -> Vec<(&str, Vec<&str>)> {
        (1..)
            .map_while(|n| {
                let name = self.parameter(&format!("Filter.{n}.Name"))?;
                Some((name, self.list(&format!("Filter.{n}.Value"))))
            })
            .collect()
    }
}

/// Batch's operations by their path (service model batch-2016-08-10). Tags are addressed by the
/// resource's ARN in the path.
fn rest_json(method: &Method, uri: &Uri, body: &Bytes) -> Result<Call, Fault> {
    let (service, path) = (Service::Batch, uri.path());
    if let Some(arn) = path.strip_prefix("/v1/tags/") {
        let arn = percent_encoding::percent_decode_str(arn).decode_utf8_lossy().into_owned();
        let operation = match *method {
            Method::POST => "TagResource",
            Method::DELETE => "UntagResource",
            _ => "ListTagsForResource",
        };
        let mut input = json_object(body)?;
        input.insert("resourceArn".to_owned(), Value::String(arn));
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let keys: Vec<_> = query.filter(|(name, _)| name == "tagKeys").collect();
        if !keys.is_empty() {
            let keys = keys.into_iter().map(|(_, key)| Value::String(key.into_owned()));
            input.insert("tagKeys".to_owned(), keys.collect());
        }
        return Ok(Call { service, operation: operation.to_owned(), input: Input::Json(input) });
    }
    let known = path.strip_prefix("/v1/").and_then(|name| {
        BATCH_OPERATIONS.iter().find(|operation| operation.eq_ignore_ascii_case(name))
    });
    let operation = known.ok_or_else(|| service.unknown_operation(path))?;
    if *operation == "SubmitJob" && body.len() > SUBMIT_LIMIT {
        return Err(Fault::client("the request payload is larger than 30 KiB"));
    }
    Ok(Call { service, operation: (*operation).to_owned(), input: Input::Json(json_object(body)?) })
}

/// Batch's limit of a submission's payload (AWS Batch user guide, "Service quotas").
const SUBMIT_LIMIT: usize = 30 << 10;

const BATCH_OPERATIONS: [&str; 19] = [
    "SubmitJob",
    "DescribeJobs",
    "ListJobs",
    "CancelJob",
    "TerminateJob",
    "CancelJobs",
    "TerminateJobs",
    "CreateComputeEnvironment",
    "UpdateComputeEnvironment",
    "DescribeComputeEnvironments",
    "DeleteComputeEnvironment",
    "CreateJobQueue",
    "UpdateJobQueue",
    "DescribeJobQueues",
    "DeleteJobQueue",
    "RegisterJobDefinition",
    "DescribeJobDefinitions",
    "DeregisterJobDefinition",
    "GetJobQueueSnapshot",
];

fn json_object(body: &Bytes) -> Result<Map<String, Value>, Fault> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Fault::new(400, "SerializationException", "the body is no JSON object")),
    }
}

/// An answer in the dialect of `call`'s service.
pub(super) fn answer(call: &Call, output: Output, request_id: &str) -> Response<Bytes> {
    match output {
        Output::Json(value) => {
            let body = Bytes::from(value.to_string());
            respond(StatusCode::OK, json_type(call.service), body, request_id)
        }
        Output::Xml(content) => {
            let operation = &call.operation;
            let root = Element::new(&format!("{operation}Response"));
            let root = if call.service == Service::Ec2 {
                root.attribute("xmlns", "http://ec2.amazonaws.com/doc/2016-11-15/")
                    .child(Element::text("requestId", request_id))
                    .children(content)
            } else {
                let metadata =
                    Element::new("ResponseMetadata").child(Element::text("RequestId", request_id));
                root.attribute("xmlns", "https://sts.amazonaws.com/doc/2011-06-15/")
                    .child(Element::new(&format!("{operation}Result")).children(content))
                    .child(metadata)
            };
            respond(StatusCode::OK, "text/xml;charset=UTF-8", root.document().into(), request_id)
        }
    }
}

/// An error in the dialect of `service`.
pub(super) fn refuse(service: Service, fault: &Fault, request_id: &str) -> Response<Bytes> {
    let Fault { status, code, message } = fault;
    match service {
        Service::Batch => {
            let body = json!({ "message": message }).to_string();
            let mut response = respond(*status, "application/json", body.into(), request_id);
            if let Ok(code) = code.parse() {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        Service::Ecs | Service::Pricing => {
            let body = json!({ "__type": code, "message": message }).to_string();
            respond(*status, json_type(service), body.into(), request_id)
        }
        Service::Ec2 => {
            let error = Element::new("Error")
                .child(Element::text("Code", code))
                .child(Element::text("Message", message));
            let root = Element::new("Response")
                .child(Element::new("Errors").child(error))
                .child(Element::text("RequestID", request_id));
            respond(*status, "text/xml;charset=UTF-8", root.document().into(), request_id)
        }
        Service::Sts => {
            let error = Element::new("Error")
                .child(Element::text("Type", "Sender"))
                .child(Element::text("Code", code))
                .child(Element::text("Message", message));
            let root = Element::new("ErrorResponse")
                .attribute("xmlns", "https://sts.amazonaws.com/doc/2011-06-15/")
                .child(error)
                .child(Element::text("RequestId", request_id));
            respond(*status, "text/xml", root.document().into(), request_id)
        }
    }
}

const fn json_type(service: Service) -> &'static str {
    match service {
        Service::Batch => "application/json",
        _ => "application/x-amz-json-1.1",
    }
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    request_id: &str,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    if let Ok(id) = request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
