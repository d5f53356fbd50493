//! The program's own view of the nodes: the newest positions, who is present, and messages of its own.

use std::error::Error;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use wskit::BoxError;

use crate::log::{Record, What, now};
use crate::protocol::Wish;

/// The name of this program in logs.
pub(crate) const RUN: &str = "run";

fn record(what: What) -> Record {
    Record {
        at: now(),
        who: RUN.into(),
        what,
    }
}

/// Sends wishes to a node, and waits until each has an answer.
async fn ask(url: &str, wishes: &[Wish]) -> Result<Vec<Value>, BoxError> {
    let asked = async {
        let mut ws = wskit::connect(&format!("{url}/own?name={RUN}")).await?;
        for wish in wishes {
            ws.send(serde_json::to_string(wish)?).await?;
        }
        let mut answers = Vec::new();
        while answers.len() < wishes.len() {
            let message = ws.recv().await?.ok_or("the node has closed")?;
            answers.push(serde_json::from_str(message.as_text().unwrap_or_default())?);
        }
        Ok(answers)
    };
    timeout(Duration::from_secs(12), asked).await?
}

/// Returns the newest positions and the members of topics, as a node has them.
pub(crate) async fn look(
    node: &str,
    url: &str,
    topics: &[String],
) -> Result<Vec<Record>, Box<dyn Error>> {
    let wishes: Vec<_> = topics
        .iter()
        .map(|topic| Wish::Look {
            topic: topic.clone(),
        })
        .collect();
    let answers = ask(url, &wishes).await.map_err(|error| error.to_string())?;
    let mut records = Vec::new();
    for answer in answers {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        if answer["ev"] != "look" {
            return Err(format!("{node} does not know {}: {}", text("topic"), text("why")).into());
        }
        let names = answer["names"].as_array().into_iter().flatten();
        records.push(record(What::Top {
            node: node.into(),
            topic: text("topic"),
            pos: text("pos"),
        }));
        records.push(record(What::Present {
            node: node.into(),
            topic: text("topic"),
            names: names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        }));
    }
    Ok(records)
}

/// Publishes a message to each topic. Returns what was acknowledged, and how many were not.
pub(crate) async fn publish(url: &str, topics: &[String], round: u64) -> (Vec<Record>, usize) {
    let id = |topic: &str| format!("{RUN}#{round}/{topic}");
    let wishes: Vec<_> = topics
        .iter()
        .map(|topic| Wish::Publish {
            topic: topic.clone(),
            id: id(topic),
            pad: 0,
        })
        .collect();
    let mut records = Vec::new();
    for topic in topics {
        let (topic, id) = (topic.clone(), id(topic));
        records.push(record(What::Try { topic, id }));
    }
    for answer in ask(url, &wishes).await.unwrap_or_default() {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        if answer["ev"] == "ack" {
            records.push(record(What::Ack {
                topic: text("topic"),
                id: text("id"),
                pos: Some(text("pos")),
            }));
        }
    }
    let acknowledged = records.len() - topics.len();
    (records, topics.len() - acknowledged)
}

/// Returns the newest positions of topics without presence, as a node has them.
pub(crate) async fn tops(url: &str, topics: &[String]) -> Result<Vec<String>, Box<dyn Error>> {
    let wishes: Vec<_> = topics
        .iter()
        .map(|topic| Wish::Look {
            topic: topic.clone(),
        })
        .collect();
    let answers = ask(url, &wishes).await.map_err(|error| error.to_string())?;
    let mut tops = std::collections::HashMap::new();
    for answer in answers {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        tops.insert(text("topic"), text("pos"));
    }
    Ok(topics
        .iter()
        .map(|topic| tops.remove(topic).unwrap_or_default())
        .collect())
}
