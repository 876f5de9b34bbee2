"""Puts a mask into texts that have none, or hardly a generated question would reach the model. What is wrong stays wrong."""

import schemathesis


def mask(inputs):
    if isinstance(inputs, str):
        return inputs + " [MASK]" if inputs and "[MASK]" not in inputs else inputs
    return [mask(text) for text in inputs] if isinstance(inputs, list) else inputs


@schemathesis.hook
def map_body(context, body):
    asks = context.operation.path in ("/", "/fill-mask")
    if asks and isinstance(body, dict) and "inputs" in body:
        return {**body, "inputs": mask(body["inputs"])}
    return body


@schemathesis.hook
def map_query(context, query):
    return {**query, "inputs": mask(query["inputs"])} if query and "inputs" in query else query
