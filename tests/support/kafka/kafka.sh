#!/usr/bin/env bash
# A real Kafka (KRaft) broker, or a cluster of N, on loopback, for tests only.
#
#   kafka.sh install DIR                  fill DIR/libs with the jars (once; reruns do nothing)
#   kafka.sh run     DIR PORT[,PORT...] CONTROLLER_PORT[,...] [I]
#                                         one node in the foreground, until a signal ends it: for a test that owns
#                                         the process; ready when DIR/node-I/log says "Kafka Server started".
#                                         Of a cluster: as many ports as nodes, and I says which node (default 1)
#   kafka.sh start   DIR [PORT] [--nodes N] [--wipe]
#                                         start N nodes (default 1) at 127.0.0.1:PORT, PORT+1, ...
#                                         (default 19092); controllers at PORT+100, ...;
#                                         --wipe first drops the data; prints bootstrap=...
#   kafka.sh stop    DIR [--now]          stop all nodes (--now: SIGKILL); the data stays
#   kafka.sh status  DIR                  one line per node; exit 0 when all are up
#   kafka.sh node    DIR I start|stop|kill|pause|resume    one node (1..N), for failure tests
#   kafka.sh wipe    DIR                  drop the data (the nodes must be stopped)
#   kafka.sh tool    DIR topics|groups|configs|features|offsets|txns|CLASS ARG...
#                                         Kafka's own command-line tools, bootstrap added
#
# Environment: KAFKA_JAVA (default: java of the path, 17 or newer), KAFKA_HEAP (512m),
# KAFKA_EXTRA (more lines of server.properties, read when the nodes start), KAFKA_JARS (the folder with libs/,
# where that is not DIR), KAFKA_LISTENERS (further listeners of the node that is run: NAME:PROTOCOL:PORT[:ADVERTISED] ...,
# the latter where clients come through a proxy's port; their keys and users' mechanisms are lines of KAFKA_EXTRA), KAFKA_SCRAM (users, one a line, as kafka-storage's --add-scram takes
# them; read when the data is new).
# Ends only processes whose pid it wrote down and whose command line is still its own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pom=$here/pom.xml
java=${KAFKA_JAVA:-java}
heap=${KAFKA_HEAP:-512m}
cluster_id=MkU3OEVBNTcwNTJENDM2Qg
wait_s=${KAFKA_WAIT:-90}

die() { echo "kafka.sh: $*" >&2; exit 1; }
usage() { sed -n '2,26p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -ge 2 ] || usage
cmd=$1; mkdir -p "$2"; dir=$(cd "$2" && pwd); shift 2
jars=${KAFKA_JARS:-$dir}

node_dir() { echo "$dir/node-$1"; }
mark() { echo "$(node_dir "$1")/server.properties"; }

# the live pid of node I, or nothing
node_pid() {
  local f pid; f=$(node_dir "$1")/pid
  [ -s "$f" ] || return 0
  pid=$(cat "$f")
  if [ -r "/proc/$pid/cmdline" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$(mark "$1")"; then
    echo "$pid"
  fi
}

load() {
  [ -s "$dir/cluster" ] || return 1
  # two numbers, written by cmd_start
  read -r nodes port <"$dir/cluster"
  consecutive_ports
}

consecutive_ports() { # of $nodes nodes from $port on
  local k
  ports=() controllers=()
  for k in $(seq 0 $(( nodes - 1 ))); do
    ports+=($(( port + k ))); controllers+=($(( port + 100 + k )))
  done
}

install_jars() {
  local want; want=$(sha256sum "$pom" | cut -c1-64)
  if [ "$(cat "$jars/.installed" 2>/dev/null || true)" = "$want" ]; then return 0; fi
  command -v mvn >/dev/null || die "mvn is missing"
  rm -rf "$jars/libs.new" "$jars/.installed"
  mvn -q -B -f "$pom" dependency:copy-dependencies \
    -DoutputDirectory="$jars/libs.new" -DincludeScope=runtime >"$jars/install.log" 2>&1 ||
    { tail -5 "$jars/install.log" >&2; die "install failed"; }
  rm -rf "$jars/libs"; mv "$jars/libs.new" "$jars/libs"
  echo "$want" >"$jars/.installed"
}

write_conf() { # node
  local i=$1 d rf isr voters="" k name protocol at seen_at own more="" told="" map=""; d=$(node_dir "$i")
  rf=$(( nodes < 3 ? nodes : 3 )); isr=$(( rf > 1 ? rf - 1 : 1 ))
  for k in $(seq 1 "$nodes"); do
    voters+="${voters:+,}$k@127.0.0.1:${controllers[k - 1]}"
  done
  for k in ${KAFKA_LISTENERS:-}; do
    IFS=: read -r name protocol at seen_at <<<"$k"
    more+=",$name://127.0.0.1:$at" told+=",$name://127.0.0.1:${seen_at:-$at}" map+=",$name:$protocol"
  done
  own=PLAINTEXT://127.0.0.1:${ports[i - 1]}
  mkdir -p "$d"
  cat >"$d/server.properties" <<P
process.roles=broker,controller
node.id=$i
controller.quorum.voters=$voters
listeners=$own,CONTROLLER://127.0.0.1:${controllers[i - 1]}$more
advertised.listeners=$own$told
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$map
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$d/data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=$rf
min.insync.replicas=$isr
offsets.topic.replication.factor=$rf
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$rf
transaction.state.log.min.isr=$isr
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$rf
share.coordinator.state.topic.min.isr=$isr
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=10000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=1
${KAFKA_EXTRA:-}
P
  cat >"$d/log4j2.properties" <<P
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level=${KAFKA_LOG_LEVEL:-WARN}
rootLogger.appenderRef.out.ref=out
logger.up.name=kafka.server.KafkaRaftServer
logger.up.level=INFO
P
}

format_node() { # node: its log folder, if that is new
  local d user users=(); d=$(node_dir "$1")
  while IFS= read -r user; do [ -z "$user" ] || users+=(--add-scram "$user"); done <<<"${KAFKA_SCRAM:-}"
  if [ ! -s "$d/data/meta.properties" ]; then
    "$java" -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.configurationFile="$d/log4j2.properties" \
      -cp "$jars/libs/*" kafka.tools.StorageTool format -t "$cluster_id" -c "$d/server.properties" \
      --ignore-formatted "${users[@]}" >"$d/format.log" 2>&1 || { tail -5 "$d/format.log" >&2; die "format of node $1 failed"; }
  fi
}

exec_node() { # node [prefix...]: this shell becomes the node
  local d; d=$(node_dir "$1"); shift
  cd "$d"
  exec "$@" "$java" "-Xms${heap}" "-Xmx${heap}" -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError \
    -XX:MaxDirectMemorySize=128m -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$d/log4j2.properties" \
    -cp "$jars/libs/*" kafka.Kafka "$d/server.properties" </dev/null >>"$d/log" 2>&1
}

start_node() { # node: starts it, does not wait
  local i=$1 d pid; d=$(node_dir "$i")
  pid=$(node_pid "$i"); [ -z "$pid" ] || return 0
  write_conf "$i"; format_node "$i"
  : >"$d/log"
  (exec_node "$i" setsid nohup) &
  echo $! >"$d/pid"
}

wait_node() { # node
  local i=$1 d t=0; d=$(node_dir "$i")
  until grep -q 'Kafka Server started' "$d/log" 2>/dev/null; do
    if [ "$t" -gt 20 ] && [ -z "$(node_pid "$i")" ]; then tail -15 "$d/log" >&2; die "node $i died"; fi
    t=$(( t + 1 )); [ "$t" -le $(( wait_s * 10 )) ] || { tail -15 "$d/log" >&2; die "node $i is not up after ${wait_s}s"; }
    sleep 0.1
  done
}

gone() { # seconds pid...: wait until none is left
  local t=$(( $1 * 10 )) p left; shift
  while :; do
    left=""
    for p in "$@"; do if [ -d "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null; then left=1; fi; done
    [ -n "$left" ] || return 0
    t=$(( t - 1 )); [ "$t" -gt 0 ] || return 1
    sleep 0.1
  done
}

bootstrap() {
  local k b=""
  for k in $(seq 1 "$nodes"); do b+="${b:+,}127.0.0.1:$(( port + k - 1 ))"; done
  echo "$b"
}

cmd_start() {
  local want_port=19092 want_nodes=1 wipe="" i
  while [ $# -gt 0 ]; do
    case $1 in
      --nodes) want_nodes=${2:?}; shift 2 ;;
      --wipe) wipe=1; shift ;;
      [0-9]*) want_port=$1; shift ;;
      *) usage ;;
    esac
  done
  install_jars
  if load; then
    if [ "$nodes $port" != "$want_nodes $want_port" ] || [ -n "$wipe" ]; then
      for i in $(seq 1 "$nodes"); do
        [ -z "$(node_pid "$i")" ] || die "already running with $nodes node(s) at port $port: stop it first"
      done
      # a changed port or node count changes the voters, so old data cannot be kept
      [ "$nodes $port" = "$want_nodes $want_port" ] || wipe=1
    fi
  fi
  [ -z "$wipe" ] || rm -rf "$dir"/node-*
  nodes=$want_nodes port=$want_port
  consecutive_ports
  echo "$nodes $port" >"$dir/cluster"
  for i in $(seq 1 "$nodes"); do start_node "$i"; done
  for i in $(seq 1 "$nodes"); do wait_node "$i"; done
  echo "bootstrap=$(bootstrap)"
}

cmd_run() {
  local i=${3:-1}
  IFS=, read -ra ports <<<"${1:?ports}"
  IFS=, read -ra controllers <<<"${2:?controller ports}"
  nodes=${#ports[@]} port=${ports[0]}
  [ "$nodes" = "${#controllers[@]}" ] && [ "$i" -le "$nodes" ] || usage
  install_jars
  [ "$nodes" -gt 1 ] || echo "1 $port" >"$dir/cluster"
  write_conf "$i"; format_node "$i"
  : >"$(node_dir "$i")/log"
  exec_node "$i"
}

cmd_stop() {
  local i p pids=() sig=TERM
  [ "${1:-}" != --now ] || sig=KILL
  load || return 0
  for i in $(seq 1 "$nodes"); do p=$(node_pid "$i"); [ -z "$p" ] || pids+=("$p"); done
  if [ ${#pids[@]} -gt 0 ]; then
    kill -CONT "${pids[@]}" 2>/dev/null || true
    kill -"$sig" "${pids[@]}" 2>/dev/null || true
    # without a controller quorum the last nodes cannot shut down in order: cut that short
    gone 10 "${pids[@]}" || { kill -KILL "${pids[@]}" 2>/dev/null || true; gone 5 "${pids[@]}" || die "still running: ${pids[*]}"; }
  fi
  rm -f "$dir"/node-*/pid
}

cmd_status() {
  local i p bad=0
  load || { echo "not set up"; return 1; }
  for i in $(seq 1 "$nodes"); do
    p=$(node_pid "$i")
    if [ -z "$p" ]; then echo "node $i down"; bad=1
    elif grep -q 'Kafka Server started' "$(node_dir "$i")/log"; then
      echo "node $i up 127.0.0.1:$(( port + i - 1 )) pid $p rss_mb $(awk '/VmRSS/{print int($2/1024)}' "/proc/$p/status")"
    else echo "node $i starting pid $p"; bad=1; fi
  done
  return $bad
}

cmd_node() {
  local i=${1:?node} p; load || die "not set up"
  [ "$i" -ge 1 ] && [ "$i" -le "$nodes" ] || die "no node $i"
  p=$(node_pid "$i")
  case ${2:?action} in
    start) start_node "$i"; wait_node "$i" ;;
    stop) [ -z "$p" ] || { kill -TERM "$p"; gone 30 "$p" || { kill -KILL "$p"; gone 5 "$p"; }; } ;;
    kill) [ -z "$p" ] || { kill -KILL "$p"; gone 5 "$p"; } ;;
    pause) [ -z "$p" ] || kill -STOP "$p" ;;
    resume) [ -z "$p" ] || kill -CONT "$p" ;;
    *) usage ;;
  esac
}

cmd_tool() {
  local c=${1:?tool}; shift
  load || die "not set up"
  case $c in
    topics) c=org.apache.kafka.tools.TopicCommand ;;
    groups) c=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    configs) c=org.apache.kafka.tools.ConfigCommand ;;
    features) c=org.apache.kafka.tools.FeatureCommand ;;
    offsets) c=org.apache.kafka.tools.GetOffsetShell ;;
    txns) c=org.apache.kafka.tools.TransactionsCommand ;;
  esac
  exec "$java" -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
    -Dlog4j2.configurationFile="$(node_dir 1)/log4j2.properties" \
    -cp "$jars/libs/*" "$c" --bootstrap-server "$(bootstrap)" "$@"
}

case $cmd in
  install) install_jars ;;
  run) cmd_run "$@" ;;
  start) cmd_start "$@" ;;
  stop) cmd_stop "$@" ;;
  status) cmd_status ;;
  node) cmd_node "$@" ;;
  wipe) if load; then for i in $(seq 1 "$nodes"); do [ -z "$(node_pid "$i")" ] || die "stop it first"; done; fi
        rm -rf "$dir"/node-* "$dir/cluster" ;;
  tool) cmd_tool "$@" ;;
  *) usage ;;
esac
