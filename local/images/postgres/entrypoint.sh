#!/bin/bash
# Creates the database at the first start and then executes the server. It supports POSTGRES_USER, POSTGRES_PASSWORD (or _FILE), POSTGRES_DB,
# PGDATA and /docker-entrypoint-initdb.d/*.sql like the published image. Further arguments are passed to the server.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
password=${POSTGRES_PASSWORD:-}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
	password=$(<"$POSTGRES_PASSWORD_FILE")
fi
sockets=/tmp

create_database() {
	if [ -z "$password" ]; then
		echo "POSTGRES_PASSWORD is not set" >&2
		exit 1
	fi
	# The database is created in another directory, which is renamed at the end, so that an incomplete database is never used.
	local new=$PGDATA.new
	rm -rf "$new"
	mkdir -p "$(dirname "$PGDATA")"
	initdb -D "$new" --username="$user" --pwfile=<(printf '%s\n' "$password") --auth-local=trust --auth-host=scram-sha-256 \
		--encoding=UTF8 --locale=C.UTF-8 --data-checksums
	echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
	# The server uses a private socket, which probes do not find, so that the container only becomes ready when the database is complete.
	local private
	private=$(mktemp -d)
	pg_ctl -D "$new" -w -o "-c listen_addresses= -c unix_socket_directories=$private" start
	local sql=(psql -v ON_ERROR_STOP=1 --no-psqlrc -h "$private" -U "$user")
	if [ "$database" != postgres ]; then
		"${sql[@]}" -d postgres -v name="$database" <<<'CREATE DATABASE :"name";'
	fi
	for file in /docker-entrypoint-initdb.d/*.sql; do
		if [ -f "$file" ]; then
			"${sql[@]}" -d "$database" -f "$file"
		fi
	done
	pg_ctl -D "$new" -w -m fast stop
	rmdir "$private"
	mv "$new" "$PGDATA"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	create_database
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories="$sockets" "$@"
