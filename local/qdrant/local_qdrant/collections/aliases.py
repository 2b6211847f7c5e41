"""Aliases. All actions of one request happen, or none."""

from grpc import StatusCode
from qdrant_client import grpc as pb

from local_qdrant.errors import RequestError, collection_exists, collection_not_found
from local_qdrant.store.catalog import State
from local_qdrant.store.store import Store


def update(store: Store, request: pb.ChangeAliases) -> pb.CollectionOperationResponse:
    with store.lock, store.catalog.change() as state:
        for action in request.actions:
            _apply(state, action)
    return pb.CollectionOperationResponse(result=True)


def list_all(store: Store, _request: pb.ListAliasesRequest) -> pb.ListAliasesResponse:
    return _response(store.catalog.state.aliases)


def list_of_collection(store: Store, request: pb.ListCollectionAliasesRequest) -> pb.ListAliasesResponse:
    store.get(request.collection_name)
    aliases = store.catalog.state.aliases
    return _response({alias: name for alias, name in aliases.items() if name == request.collection_name})


def _apply(state: State, action: pb.AliasOperations) -> None:
    match action.WhichOneof("action"):
        case "create_alias":
            _create(state, action.create_alias.alias_name, action.create_alias.collection_name)
        case "delete_alias":
            state.aliases.pop(action.delete_alias.alias_name, None)
        case "rename_alias":
            _rename(state, action.rename_alias.old_alias_name, action.rename_alias.new_alias_name)
        case None:
            raise RequestError(StatusCode.INVALID_ARGUMENT, "Malformed AliasOperation type")


def _create(state: State, alias: str, collection: str) -> None:
    if collection not in state.collections:
        raise collection_not_found(collection)
    if alias in state.collections:
        raise collection_exists(alias)
    state.aliases[alias] = collection


def _rename(state: State, old: str, new: str) -> None:
    if old not in state.aliases:
        raise RequestError(StatusCode.NOT_FOUND, f"Not found: Alias {old} does not exists!")
    if new in state.collections:
        raise collection_exists(new)
    state.aliases[new] = state.aliases.pop(old)


def _response(aliases: dict[str, str]) -> pb.ListAliasesResponse:
    descriptions = [pb.AliasDescription(alias_name=alias, collection_name=name) for alias, name in sorted(aliases.items())]
    return pb.ListAliasesResponse(aliases=descriptions)
