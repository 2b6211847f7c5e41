"""The service `Points`."""

from local_qdrant.points import count, delete, facet, get, groups, index, payload, query, scroll, upsert

METHODS = {
    "Upsert": upsert.upsert,
    "Delete": delete.delete,
    "Get": get.get,
    "Scroll": scroll.scroll,
    "Count": count.count,
    "Facet": facet.facet,
    "Query": query.query,
    "QueryBatch": query.query_batch,
    "QueryGroups": groups.query_groups,
    "SetPayload": payload.set_payload,
    "OverwritePayload": payload.overwrite,
    "DeletePayload": payload.delete,
    "ClearPayload": payload.clear,
    "CreateFieldIndex": index.create,
    "DeleteFieldIndex": index.delete,
}
