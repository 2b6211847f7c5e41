#!/bin/bash
# Makes the database at first start, then becomes the server. Understands POSTGRES_USER, POSTGRES_PASSWORD (or _FILE), POSTGRES_DB,
# PGDATA and /docker-entrypoint-initdb.d/*.sql as the published image does; further arguments go to the server.
set -euo pipefail

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
password=${POSTGRES_PASSWORD:-}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
	password=$(<"$POSTGRES_PASSWORD_FILE")
fi
sockets=/tmp

make_database() {
	if [ -z "$password" ]; then
		echo "POSTGRES_PASSWORD is not set" >&2
		exit 1
	fi
	# Beside its place and renamed at the end: a half-made database must not be taken for a whole one.
	local new=$PGDATA.new
	rm -rf "$new"
	mkdir -p "$(dirname "$PGDATA")"
	initdb -D "$new" --username="$user" --pwfile=<(printf '%s\n' "$password") --auth-local=trust --auth-host=scram-sha-256 \
		--encoding=UTF8 --locale=C.UTF-8 --data-checksums
	echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
	# Where no probe finds it: ready means that the database is made.
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
	make_database
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories="$sockets" "$@"
