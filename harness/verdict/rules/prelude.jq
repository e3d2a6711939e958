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
# As in "It reports ...".
def status_words:
  if status == "" then "no status"
  else [status, (.witnesses.board.status_name // "" | select(. != ""))] | join(" ") end;
# True if the board's stack is of this version or an older one, or its version is not known.
def stack_at_most($version):
  (stack_version | [scan("[0-9]+") | tonumber][0:3]) as $own
  | ($version | [scan("[0-9]+") | tonumber][0:3]) as $limit
  | ($own | length) == 0 or $own <= $limit;

# --- what the judge found missing (see offer.h)

def missing($what): [.missing[]? | select(.what == $what)][0];

# --- what went over the wire

def wire_version: .witnesses.wire.version // "" | ltrimstr("TLS ");
def started: .witnesses.wire.start // "";
def message($from; $type):
  [.witnesses.wire.messages[]? | select(.from == $from and .type == $type)][0];
# Of the handshake.
def longest_message:
  [.witnesses.wire.messages[]?
   | select(.from == "server" and (.type | IN("application_data", "alert", "change_cipher_spec") | not))]
  | max_by(.length // 0) // {};
def faultless: (.server.faults // []) == [];
# "48 54 54 50 (HTTP)" if what came from the server did not begin with TLS; else "".
def stray_from_server:
  [.witnesses.wire.faults[]? | select(.from == "server" and .where == "record").text
   | select(startswith("the stream does not begin with TLS: ")) | sub("^[^:]*: "; "")][0] // "";
# Bytes of the server's first ticket; a long one may not fit into the buffers of a small board.
def ticket_length: message("server"; "new_session_ticket").length // 0;
def ticket_is_long: ticket_length > 1024;
# The chain goes on past the root that the board is to trust.
def is_cross_signed: any(server_certificates[]; startswith("cross-signed-root") or startswith("cross-signed-by-"));
# The certificates that a side sent, its own first.
def chain_of($from): [.witnesses.wire.certificates[]? | select(.from == $from)][0].chain // [];
def chain: chain_of("server");
def leaf: chain[0] // {};
def x509($name): [.extensions[]? | select(.name == $name)][0];
def is_self_issued: .subject == .issuer;
def is_linked: . as $all | all(range(1; length); $all[. - 1].issuer == $all[.].subject);
def expired: started as $now | [chain[] | select((.not_after // "9") < $now)];
def not_begun: started as $now | [chain[] | select((.not_before // "0") > $now)];
def is_in_time: (chain | length) > 0 and expired == [] and not_begun == [];
# The name that the board asks for or, where the wire shows none, was told to ask for; else "".
def asked_name:
  extension("server_name").server_name_list[0] // .client.sni // $board.sni // "" | ascii_downcase;
# Input a name of a certificate ("DNS:*.example"); the star stands for the leftmost label alone.
def covers($name):
  ascii_downcase
  | if startswith("dns:*.")
    then ($name | contains(".")) and .[5:] == "." + ($name | split(".")[1:] | join("."))
    else . == "dns:" + $name or . == "ip:" + $name end;
def name_is_covered: asked_name as $name | any(leaf.names[]?; covers($name));
# A name of a certificate that a board may take for $name, though it is another: "server.*.test".
def resembles($name):
  ascii_downcase
  | . == "dns:" + $name
    or (startswith("dns:") and contains("*")
        and (.[4:] | gsub("[.]"; "[.]") | gsub("[*]"; ".*")) as $like | $name | test("^" + $like + "$"));
def name_is_resembled: asked_name as $name | any(leaf.names[]?; resembles($name));
def common_name: [leaf.subject // "" | capture("(^|,)CN=(?<name>[^,]*)").name][0] // "" | ascii_downcase;
def is_address: test("^[0-9.]+$|:");
# Bits of the RSA keys in the chain.
def rsa_bits: [chain[].key // "" | capture("^RSA[^ ]* (?<bits>[0-9]+)").bits | tonumber];
# "384" for each hash that signs a certificate of the chain, and no signature that the board offers.
def digests_not_offered:
  [offered_schemes[] | capture("_sha(?<bits>[0-9]+)$").bits] as $offered
  | if $offered == [] then []
    else [chain[] | select(is_self_issued | not) | .signature // ""
          | capture("sha-?(?<bits>[0-9]+)"; "i").bits]
      | unique | map(select(. as $own | any($offered[]; . == $own) | not)) end;
def lacks_server_auth: leaf | x509("extKeyUsage").key_purposes
  | . != null and all(.[]; . != "serverAuth" and . != "anyExtendedKeyUsage");
def lacks_digital_signature: leaf | x509("keyUsage").key_usage
  | . != null and all(.[]; . != "digitalSignature");
def is_weak: (.signature // "" | test("sha1|md5"; "i")) or .key == "RSA 1024" or .key == "RSA 512";

# --- the board's status

def status_is($codes): (status | ascii_downcase) as $own | any($codes[]; ascii_downcase == $own);
def verify_flag($name): any(.witnesses.board.verify_flags[]?; endswith($name));
def is_mbedtls: stack == "mbedtls" or stack == "esp-idf" or stack == "zephyr";
def status_told:
  status_words + (.witnesses.board.status_meaning // "" | if . != "" then ": " + . else "" end);
def left_silently: .reason == "closed-by-board" and (alerts("client") == []);
def is_alert_from_client($numbers):
  [alerts("client")[].number] as $seen | any($numbers[]; . as $n | any($seen[]; . == $n));
# What the board says in words, in its status or its log: stacks without codes have nothing else.
def says($pattern):
  "\(status)\n\(.witnesses.board.log // "")" | test($pattern; "i");
# Whether the board left for a reason of its own, and says this.
def left_saying($pattern):
  faultless and (.reason | IN("alert-from-board", "closed-by-board")) and says($pattern);
# In the handshake or after it, and nobody complained.
def gave_up_waiting:
  (.reason == "closed-by-board" or .reason == "app-data")
  and message("client"; "client_hello") != null and all(alerts("client")[]; .number == 0);
def says_untrusted:
  left_saying("unknown authority|unable to find valid certification path|UnknownIssuer"
    + "|unable to get (local )?issuer certificate|self-signed certificate in certificate chain"
    + "|bad_cert, *(unknown_ca|selfsigned_peer)");
def says_out_of_time:
  left_saying("has expired or is not yet valid|certificate has expired|certificate is not yet valid"
    + "|validity check failed|invalid peer certificate: (Expired|NotValidYet)"
    + "|bad_cert, *cert_expired");
# OpenSSL sends unknown_ca for these, too.
def says_no_revocation_list: left_saying("unable to get certificate CRL");
def says_chain_too_long:
  left_saying("certificate chain too long|certificate chain length \\([0-9]+\\) exceeds"
    + "|bad_cert, *max_path_length_reached");
def says_message_too_long:
  left_saying("size of the handshake message \\([0-9]+\\) exceeds");
# What applications say that check the key or certificate themselves.
def says_pin: left_saying("(^|[^a-z])pin(s|ned|ning)?([^a-z]|$)");
def says_key_too_short:
  left_saying("(EE|CA) (certificate )?key too (weak|small)|chain uses insecure algorithm");
def says_other_name:
  left_saying("hostname mismatch|does not match certificate's altnames|ERR_TLS_CERT_ALTNAME_INVALID"
    + "|bad_cert, *hostname_check_failed");
# wolfSSL's alert is of the first error in a chain, its status of the last: where one above the
# server's own certificate is refused, that has no signer. Old releases send 42 for everything.
def status_is_of_what_follows:
  stack == "wolfssl" and status == "-188" and (alerts("client")[0].number // 48) != 48
  and (stack_version == "" or (stack_at_most("3.99") | not));
def entropy_failed:
  (.witnesses.board.status_name // "") as $name
  | ($name | test("ENTROPY_SOURCE_FAILED|ENTROPY_NO_|NO_RNG|RNG_FAILURE_E|(OPEN|READ)_RAN_E"))
    and ($name | test(" or ") | not);
def memory_ran_out:
  (.witnesses.board.status_name // "") as $name
  | ($name | test("ALLOC_FAILED|MEMORY_E$|MEMORY_ERROR|NO_MEM|INSUFFICIENT_MEMORY|OUT_OF_MEMORY"))
    and ($name | test(" or ") | not);
def refused_certificate($numbers; $codes; $flag):
  faultless and (.reason | IN("liveness", "reboot", "refuses-all", "several-connections") | not)
  and (is_alert_from_client($numbers) or (alerts("client") != [] and status_is($codes))
    or verify_flag($flag));

# --- suites

def real_suites: offered_suites | map(select(test("SCSV|GREASE") | not));
def is_tls13_suite: test("_WITH_") | not;
def old_suites: real_suites | map(select(is_tls13_suite | not));
def missing_suites: missing("cipher_list") // missing("ciphersuites");
def curve_of_key:
  {"ecdsa-p256": "secp256r1", "ecdsa-p384": "secp384r1", "ecdsa-p521": "secp521r1"}[
    server_certificates[0] // ""] // "";
def key_shares: extension("key_share").client_shares // [];
# Characters of hex that a share of the group has; null if that is not known here.
def share_length:
  {"secp256r1": 130, "secp384r1": 194, "secp521r1": 266, "x25519": 64, "x448": 112}[.group];
def few: if length > 6 then .[:6] + ["\(length - 6) more"] else . end;

# --- words

# "a, b and c"; "none" for an empty list.
def words:
  if length == 0 then "none"
  elif length == 1 then .[0]
  else (.[:-1] | join(", ")) + " and " + .[-1] end;
def tls_words: map("TLS " + .) | words;
