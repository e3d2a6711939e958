# Definitions for diagnosis rules. Input: a judged cell of results.json; $board: its board there.
# docs/diagnosis-rules.md explains each.

# --- the ClientHello, as the wire saw it

def hello: .witnesses.wire.client_hello // {};
def extension($name): [hello.extensions[]? | select(.name == $name)][0];
def offers_extension($name): extension($name) != null;
def offered_suites: hello.cipher_suites // [];
def offered_groups: extension("supported_groups").named_group_list // [];
def offered_schemes: extension("signature_algorithms").supported_signature_algorithms // [];
def offered_protocols: extension("application_layer_protocol_negotiation").protocol_name_list // [];

# "1.2", "1.3", ...: supported_versions, or all that an older client's legacy_version covers.
def offered_versions:
  (extension("supported_versions").versions // null) as $listed
  | if $listed != null then [$listed[] | select(startswith("TLS ")) | ltrimstr("TLS ")]
    else (hello.legacy_version // "" | ltrimstr("TLS ")) as $top
      | ["1.0", "1.1", "1.2"] | map(select(. <= $top))
    end;
def highest_offered: offered_versions | max // "";

# --- the server

def server_versions: .server.versions // [];
def server_certificates: .server.certificate // [];
# The version that both sides have and OpenSSL settles on: the highest. "" if there is none.
def settled_version:
  offered_versions as $offered
  | [server_versions[] | select(. as $version | any($offered[]; . == $version))] | max // "";
def server_error($reason): any(.witnesses.server.errors[]?; .reason == $reason);
def server_errors: [.witnesses.server.errors[]? | "\(.reason) (\(.code))"] | unique | join(", ");

# --- alerts and the board

# Alerts of the wire and of the server's testimony, from "client" or "server".
def alerts($from):
  [(.witnesses.wire.alerts[]?, .witnesses.server.alerts[]?) | select(.from == $from)];
def alert($from; $number): any(alerts($from)[]; .number == $number);
def stack: $board.stack // "";
def stack_version: $board.stack_version // "";
def status: .witnesses.board.status // "";
def status_words:
  [status, (.witnesses.board.status_name // "" | select(. != ""))] | join(" ");
# True if the board's stack is of this version or an older one, or its version is not known.
def stack_at_most($version):
  (stack_version | [scan("[0-9]+") | tonumber][0:3]) as $own
  | ($version | [scan("[0-9]+") | tonumber][0:3]) as $limit
  | ($own | length) == 0 or $own <= $limit;

# --- what the judge found missing (see offer.h)

def missing($what): [.missing[]? | select(.what == $what)][0];

# --- words

# "a, b and c"; "none" for an empty list.
def words:
  if length == 0 then "none"
  elif length == 1 then .[0]
  else (.[:-1] | join(", ")) + " and " + .[-1] end;
def tls_words: map("TLS " + .) | words;
