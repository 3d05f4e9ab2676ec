#!/bin/sh
# Writes PgBouncer's files from the environment and starts it; no command line has a password.
set -eu
umask 077
folder=$(mktemp -d)

cat > "$folder/users.txt" <<USERS
"$POSTGRES_USER" "$POSTGRES_PASSWORD"
"admin" "$PGBOUNCER_ADMIN_PASSWORD"
USERS

# connect_query: the timeouts that a client gives as options would hold for one client of many, so they are
# ignored, and set here for each connection to the server.
cat > "$folder/pgbouncer.ini" <<CONFIGURATION
[databases]
$POSTGRES_DB = host=${POSTGRES_HOST:-postgres} port=${POSTGRES_PORT:-5432} connect_query='SET idle_in_transaction_session_timeout = ${LEASE_S:-90}000'

[pgbouncer]
listen_addr = *
listen_port = ${LISTEN_PORT:-6432}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/users.txt
admin_users = admin
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
ignore_startup_parameters = extra_float_digits,options
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3
log_connections = 0
log_disconnections = 0
CONFIGURATION

exec pgbouncer "$folder/pgbouncer.ini"
