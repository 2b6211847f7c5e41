"""Searches: nearest vectors, prefetches and their fusion, order by a field."""

from collections.abc import Iterator

import qdrant_edge as engine
from qdrant_client import grpc as pb

from local_qdrant.collections import strict_mode
from local_qdrant.convert import filters, points, vectors
from local_qdrant.errors import refuse_fields, unimplemented
from local_qdrant.points.scroll import order_by
from local_qdrant.store.collection import Collection
from local_qdrant.store.store import Store

DEFAULT_LIMIT = 10
DEFAULT_RRF_K = 2  # the constant of a Qdrant server


def query(store: Store, request: pb.QueryPoints) -> pb.QueryResponse:
    refuse_fields(request, "shard_key_selector")
    return pb.QueryResponse(result=_search(store.get(request.collection_name), request))


def query_batch(store: Store, request: pb.QueryBatchPoints) -> pb.QueryBatchResponse:
    collection = store.get(request.collection_name)
    for one in request.query_points:
        refuse_fields(one, "shard_key_selector")
    return pb.QueryBatchResponse(result=[pb.BatchResult(result=_search(collection, one)) for one in request.query_points])


def _search(collection: Collection, request: pb.QueryPoints) -> list[pb.ScoredPoint]:
    found = collection.shard.query(
        engine_request(
            collection,
            request,
            limit=limit_of(request),
            offset=request.offset,
            with_payload=points.with_payload(request.with_payload),
            with_vector=points.with_vectors(request.with_vectors),
        )
    )
    return [points.scored(point) for point in found]


def engine_request(collection: Collection, request: pb.QueryPoints | pb.QueryPointGroups, **options: object) -> engine.QueryRequest:
    """Returns the request for the engine, checked against the strict mode."""
    for one in _with_prefetches(request):
        strict_mode.check_limit(collection, limit_of(one))
        strict_mode.check_read_filter(collection, [one.filter, one.params.idf.corpus])
    prefetches = [_prefetch(collection, prefetch) for prefetch in request.prefetch]
    return engine.QueryRequest(prefetches=prefetches or None, **_common(collection, request), **options)


def limit_of(request: pb.QueryPoints | pb.PrefetchQuery | pb.QueryPointGroups) -> int:
    return request.limit if request.HasField("limit") else DEFAULT_LIMIT


def _with_prefetches(request: pb.QueryPoints | pb.PrefetchQuery) -> Iterator[pb.QueryPoints | pb.PrefetchQuery]:
    yield request
    for prefetch in request.prefetch:
        yield from _with_prefetches(prefetch)


def _prefetch(collection: Collection, message: pb.PrefetchQuery) -> engine.Prefetch:
    prefetches = [_prefetch(collection, prefetch) for prefetch in message.prefetch]
    return engine.Prefetch(limit=limit_of(message), prefetches=prefetches or None, **_common(collection, message))


def _common(collection: Collection, message: pb.QueryPoints | pb.PrefetchQuery | pb.QueryPointGroups) -> dict:
    refuse_fields(message, "lookup_from")
    return {
        "query": _query(collection, message.using, message.query) if message.HasField("query") else None,
        "filter": filters.optional(message),
        "score_threshold": message.score_threshold if message.HasField("score_threshold") else None,
        "params": _params(message.params),
    }


def _query(collection: Collection, using: str, message: pb.Query) -> object:
    match message.WhichOneof("variant"):
        case "nearest":
            return engine.Query.Nearest(vectors.query_vector(collection, using, message.nearest), using=using or None)
        case "fusion":
            return engine.Fusion.Rrf(DEFAULT_RRF_K) if message.fusion == pb.Fusion.RRF else engine.Fusion.Dbsf()
        case "rrf":
            return engine.Fusion.Rrf(message.rrf.k or DEFAULT_RRF_K, list(message.rrf.weights) or None)
        case "order_by":
            return order_by(message.order_by)
        case "sample":
            return engine.Sample.Random
        case variant:
            raise unimplemented(f"Query.{variant}")


def _params(message: pb.SearchParams) -> engine.SearchParams | None:
    """Returns the parameters that change results. The others choose between indexes, and search is exact here."""
    if not message.HasField("idf"):
        return None
    return engine.SearchParams(idf=engine.IdfParams(corpus=filters.optional(message.idf, "corpus")))
