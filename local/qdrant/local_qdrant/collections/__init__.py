"""The service `Collections`."""

from local_qdrant.collections import aliases, create, delete, get, list_all, update

METHODS = {
    "Create": create.create,
    "Get": get.get,
    "List": list_all.list_all,
    "Update": update.update,
    "Delete": delete.delete,
    "CollectionExists": get.exists,
    "UpdateAliases": aliases.update,
    "ListAliases": aliases.list_all,
    "ListCollectionAliases": aliases.list_of_collection,
}
