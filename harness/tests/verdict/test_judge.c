#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/verdict/cells.h"
#include "verdict/facts.h"
#include "verdict/judge.h"
#include "verdict/witness.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Testimonies that many rows have in common. */
#define ALERT(from, description, number) \
	"{'from': '" from "', 'level': 'fatal', 'description': '" description "'," \
	" 'number': " number "}"
#define ALERTS(from, description, number) "'alerts': [" ALERT(from, description, number) "]"
#define CLOSE_NOTIFY_OF_BOARD \
	"{'from': 'client', 'level': 'warning', 'description': 'close_notify', 'number': 0}"
#define ALERT_40 ALERTS("server", "handshake_failure", "40")
#define ALERT_50 ALERTS("server", "decode_error", "50")
#define ALERT_70 ALERTS("server", "protocol_version", "70")
#define ALERT_70_OF_BOARD ALERTS("client", "protocol_version", "70")
#define ALERT_80 ALERTS("client", "internal_error", "80")
#define SERVER_ALERT_80 ALERTS("server", "internal_error", "80")
#define ALERT_116 ALERTS("server", "certificate_required", "116")

#define SPOKE_TO_TWIN "'twin': {'before': {'outcome': 'pass', 'spoke': true}}"
#define PASSIVE "{'passive': true, 'phase': null, 'status': null}"
#define NO_DATA "'handshake': false, 'bytes_received': 0, 'bytes_sent': 0"
#define NO_HANDSHAKE "'handshake': false, 'state': 'handshake'"
#define SERVER_REFUSED_WITH(reason) \
	"'server': {'state': 'handshake', " NO_DATA ", 'closed_by': 'server'," \
	" 'ended': 'handshake-failed', " ALERT_40 "," \
	" 'errors': [{'code': '0A000001', 'reason': '" reason "'}]}"
#define SERVER_REFUSED SERVER_REFUSED_WITH("no shared cipher")
#define WIRE_REFUSED \
	"'wire': {'server_hello': null, 'version': null, 'cipher_suite': null, " ALERT_40 "," \
	" 'close': {'first': 'server'}}"
#define BOARD_REFUSED "'board': {'phase': 'hs', 'status': '0x114'}"
#define ALL_REFUSED "'witnesses': {" SERVER_REFUSED ", " WIRE_REFUSED ", " BOARD_REFUSED "}"
#define SERVER_FAILED \
	"'server': {'state': 'handshake', " NO_DATA ", 'closed_by': null," \
	" 'ended': 'handshake-failed'}"
#define WIRE_OPEN "'wire': {'close': {'first': null}}"
#define SERVER_ALONE \
	"'server': {'connected': false, 'state': 'listening', " NO_DATA ", 'closed_by': null," \
	" 'ended': 'stopped'}"
#define NO_BYTES \
	"'server': {'state': 'connected', " NO_DATA ", 'closed_by': null, 'ended': 'stopped'}"
#define CLOSED_BY_SERVER_WITH(alerts) \
	"'server': {" NO_HANDSHAKE ", 'closed_by': 'server', " alerts "}"
#define EARLY_END \
	"'errors': [{'code': '0A000126', 'reason': 'unexpected eof while reading'}]"
#define BOARD_FAILED(phase, status) "'board': {'phase': '" phase "', 'status': '" status "'}"
#define BOARD_ALERTED \
	"'board': {'phase': 'hs', 'status': '-1', 'alert': {'from': 'client', 'number': 70}}"

#define MUST_REFUSE \
	"'expect': {'result': 'refuse', 'alerts': ['certificate_expired', 'handshake_failure']}"
#define MUST_REFUSE_FAULT \
	MUST_REFUSE ", 'server': {'faults': [{'at': 'server_hello.cipher_suite', 'do': 'flip'}]}"
#define APPLIED "'faults': [{'at': 'server_hello.cipher_suite', 'do': 'flip', 'applied': true}]"
#define MUST_END \
	"'expect': {'result': 'refuse', 'by': 'either'}," \
	" 'server': {'faults': [{'at': 'server_hello_done', 'do': 'close'}]}"
#define WENT_AWAY_WITH(alerts) \
	"'server': {" NO_HANDSHAKE ", " NO_DATA ", 'closed_by': 'server', 'ended': 'handshake-failed'," \
	" 'faults': [{'at': 'server_hello_done', 'do': 'close', 'applied': true}], " alerts "}," \
	" 'wire': {'close': {'first': 'server'}}"
#define CLIENT_REFUSED(description, number) \
	"'server': {" NO_HANDSHAKE ", " NO_DATA ", " ALERTS("client", description, number) "}," \
	" 'wire': {" ALERTS("client", description, number) "}, " BOARD_FAILED("hs", "-1")

/* What the witnesses say (a merge patch of a cell that passed), and the verdict. */
static const struct {
	const char *said, *patch, *outcome, *reason;
} verdicts[] = {
	{"all agree that it worked", "{}", "pass", "connected"},
	{"no capture forbids nothing", "{'witnesses': {'wire': null}}", "pass", "connected"},
	{"a warning ends nothing",
	 "{'witnesses': {'wire': {'alerts': [{'from': 'client', 'level': 'warning',"
	 " 'description': 'close_notify', 'number': 0}]}}}",
	 "pass", "connected"},
	{"a status of 0x0 is success",
	 "{'witnesses': {'board': {'status': '0x0'}}}",
	 "pass", "connected"},
	{"a sniffer that failed forbids nothing",
	 "{'trouble': [{'who': 'sniffer', 'text': 'died'}], 'witnesses': {'wire': null}}",
	 "pass", "connected"},
	{"suite names of the firmware's own are not compared",
	 "{'witnesses': {'board': {'ciphersuite': 'TLS13-AES128-GCM-SHA256'}}}",
	 "pass", "connected"},
	{"a close_notify that a reset kept the server from reading",
	 "{'witnesses': {'server': {'state': 'established'},"
	 " 'wire': {'alerts': [" CLOSE_NOTIFY_OF_BOARD "]}}}",
	 "pass", "connected"},
	{"user_canceled ends nothing in TLS 1.3, though it is marked as fatal",
	 "{'witnesses': {'wire': {" ALERTS("client", "user_canceled", "90") "},"
	 " 'server': {" ALERTS("client", "user_canceled", "90") "}}}",
	 "pass", "connected"},

	/* the harness */
	{"not run",
	 "{'skipped': 'the suite is for other boards', 'witnesses': null}",
	 "skip", "skipped"},
	{"the server refuses its configuration",
	 "{'trouble': [{'who': 'server', 'text': 'no such group'}],"
	 " 'witnesses': {'server': null, 'wire': null, 'board': null}}",
	 "error", "server-failed"},
	{"the server crashed, whatever the board says",
	 "{'witnesses': {'server': {'ended': 'crashed'}, " BOARD_FAILED("hs", "-1") "}}",
	 "error", "server-failed"},
	{"the runner died",
	 "{'trouble': [{'who': 'runner', 'text': 'signal 9'}],"
	 " 'witnesses': {'board': {'failed': 'runner', 'text': 'signal 9'}}}",
	 "error", "runner-failed"},
	{"another part failed",
	 "{'trouble': [{'who': 'disk', 'text': 'full'}]}",
	 "error", "harness-failed"},
	{"the server left nothing", "{'witnesses': {'server': null}}", "error", "no-testimony"},
	{"the runner left nothing", "{'witnesses': {'board': null}}", "error", "no-testimony"},

	/* boards that cannot be heard */
	{"reboot",
	 "{'witnesses': {'board': {'failed': 'reboot', 'text': 'new boot nonce'}}}",
	 "inconclusive", "reboot"},
	{"reboot, though the server saw an alert",
	 "{'witnesses': {" SERVER_REFUSED ", " WIRE_REFUSED ", 'board': {'failed': 'reboot'}}}",
	 "inconclusive", "reboot"},
	{"silent", "{'witnesses': {'board': {'failed': 'silent'}}}", "inconclusive", "silent"},
	{"no pattern of the profile matched", "{'witnesses': {'board': {'failed': 'no-match'}}}",
	 "inconclusive", "no-match"},
	{"client that does not tell its phase, refused by the server",
	 "{'witnesses': {" SERVER_REFUSED ", " WIRE_REFUSED ", 'board': {'status': '35'}}}",
	 "fail", "alert-from-server"},
	{"passive board that spoke over the connection", "{'witnesses': {'board': " PASSIVE "}}",
	 "pass", "connected"},
	{"passive board that sent an alert",
	 "{'witnesses': {" SERVER_REFUSED ", " WIRE_REFUSED ", 'board': " PASSIVE "}}",
	 "fail", "alert-from-server"},
	{"passive board that left a bad server without a word after the handshake",
	 "{" MUST_REFUSE ", " SPOKE_TO_TWIN ", 'witnesses': {'board': " PASSIVE ","
	 " 'server': {'closed_by': 'client', 'bytes_received': 0, 'bytes_sent': 0}}}",
	 "pass", "refused-late"},
	{"passive board that leaves any server without a word",
	 "{" MUST_REFUSE ", 'witnesses': {'board': " PASSIVE ", 'server': {'closed_by': 'client',"
	 " 'bytes_received': 0, 'bytes_sent': 0}}}",
	 "inconclusive", "wordless"},
	{"passive board that spoke to a bad server",
	 "{" MUST_REFUSE ", 'witnesses': {'board': " PASSIVE "}}", "fail", "unsafe"},
	{"port gone", "{'witnesses': {'board': {'failed': 'port'}}}", "inconclusive", "port-lost"},
	{"virtual board killed",
	 "{'witnesses': {'server': null, 'board': {'failed': 'board'}}}",
	 "inconclusive", "port-lost"},
	{"firmware without ALPN",
	 "{'witnesses': {'board': {'failed': 'unable', 'text': 'why=unsupported key=alpn'}}}",
	 "skip", "unable"},
	{"upload failed",
	 "{'witnesses': {'board': {'failed': 'upload'}}}",
	 "inconclusive", "board-not-ready"},

	/* no connection, or none that both know of */
	{"board cannot reach the server",
	 "{'witnesses': {" SERVER_ALONE ", 'wire': null, " BOARD_FAILED("tcp", "0x38") "}}",
	 "inconclusive", "no-connection"},
	{"board gives up while TCP comes up",
	 "{'witnesses': {" NO_BYTES ", 'wire': {'client_hello': null}, "
	 BOARD_FAILED("tcp", "0x1") "}}",
	 "inconclusive", "no-connection"},
	{"board succeeded, server saw nobody",
	 "{'witnesses': {" SERVER_ALONE ", 'wire': null}}",
	 "inconclusive", "witnesses-disagree"},
	{"board was in TLS, server saw nobody",
	 "{'witnesses': {" SERVER_ALONE ", 'wire': null, " BOARD_FAILED("hs", "-1") "}}",
	 "inconclusive", "witnesses-disagree"},
	{"a ClientHello on the wire, server saw nobody",
	 "{'witnesses': {" SERVER_ALONE ", " BOARD_FAILED("tcp", "-1") "}}",
	 "inconclusive", "witnesses-disagree"},
	{"board failed before TLS, its ClientHello came",
	 "{'witnesses': {" SERVER_FAILED ", " BOARD_FAILED("tcp", "-1") "}}",
	 "inconclusive", "witnesses-disagree"},

	{"board tries twice, and fails before TLS on a connection that no server took",
	 "{'witnesses': {" SERVER_REFUSED ", 'wire': {'connections': 2, " ALERT_40 "}, "
	 BOARD_FAILED("tcp", "0x38") "}}",
	 "inconclusive", "several-connections"},
	{"board knocks, and comes with its ClientHello on a second connection",
	 "{'witnesses': {" NO_BYTES ", 'wire': {'connections': 2, 'client_hello': null}, "
	 BOARD_FAILED("hs", "-1") "}}",
	 "inconclusive", "several-connections"},

	/* the board says that it succeeded */
	{"TLS 1.3 refused after the client was done",
	 "{'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_116) ", 'wire': {" ALERT_116 "}}}",
	 "fail", "alert-from-server"},
	{"the same without a capture",
	 "{'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_116) ", 'wire': null}}",
	 "fail", "alert-from-server"},
	{"the same where the capture could not be decrypted",
	 "{'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_116) ","
	 " 'wire': {'messages': [{'from': 'server', 'type': 'encrypted'}]}}}",
	 "fail", "alert-from-server"},
	{"the server's alert is not in a capture that must show it",
	 "{'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_116) "}}",
	 "inconclusive", "witnesses-disagree"},
	{"board sent a fatal alert and says that it succeeded",
	 "{'witnesses': {'server': {" ALERT_80 "}, 'wire': {" ALERT_80 "}}}",
	 "fail", "alert-from-board"},
	{"only the wire saw the board's alert",
	 "{'witnesses': {'wire': {" ALERT_80 "}}}",
	 "inconclusive", "witnesses-disagree"},
	{"server never completed the handshake",
	 "{'witnesses': {" SERVER_FAILED "}}",
	 "inconclusive", "witnesses-disagree"},
	{"server never got the data",
	 "{'witnesses': {'server': {'bytes_received': 0, 'bytes_sent': 0}}}",
	 "inconclusive", "witnesses-disagree"},
	{"a board that ends TCP without close_notify, which OpenSSL answers with an alert",
	 "{'witnesses': {'server': {'state': 'established', " ALERT_50 "," EARLY_END "},"
	 " 'wire': {" ALERT_50 "}}}",
	 "fail", "no-close-notify"},
	{"the same, and OpenSSL's word is the only one",
	 "{'witnesses': {'server': {'state': 'established', " EARLY_END "}, 'wire': null}}",
	 "fail", "no-close-notify"},
	{"a board that resets the connection in place of closing it",
	 "{'witnesses': {'server': {'state': 'established'}}}",
	 "fail", "no-close-notify"},
	{"the same, and no capture can tell what came before the reset",
	 "{'witnesses': {'server': {'state': 'established'}, 'wire': null}}",
	 "inconclusive", "witnesses-disagree"},
	{"the same, and the server's tap shows no more than the server read",
	 "{'witnesses': {'server': {'state': 'established'}, 'wire': {'capture': 'server-tap'}}}",
	 "inconclusive", "witnesses-disagree"},
	{"a board that says that it closed, and left the connection open",
	 "{'witnesses': {'server': {'state': 'established', 'closed_by': null,"
	 " 'ended': 'stopped'}, 'wire': {'close': {'first': 'server'}}}}",
	 "inconclusive", "witnesses-disagree"},
	{"different versions",
	 "{'witnesses': {'board': {'version': '1.2'}}}",
	 "inconclusive", "witnesses-disagree"},
	{"different suites",
	 "{'witnesses': {'wire': {'cipher_suite': 'TLS_AES_256_GCM_SHA384'}}}",
	 "inconclusive", "witnesses-disagree"},

	/* alerts that cannot be */
	{"the wire shows an alert that the server denies",
	 "{'witnesses': {" SERVER_FAILED ", " WIRE_REFUSED ", " BOARD_REFUSED "}}",
	 "inconclusive", "witnesses-disagree"},
	{"board got an alert that nobody sent",
	 "{'witnesses': {" SERVER_FAILED ", 'board': {'phase': 'hs', 'status': '0x114',"
	 " 'alert': {'from': 'server', 'number': 40}}}}",
	 "inconclusive", "witnesses-disagree"},
	{"a close_notify that the board calls an alert is none",
	 "{'witnesses': {'board': {'phase': 'app', 'status': '0x114',"
	 " 'alert': {'from': 'server', 'number': 0}}}}",
	 "fail", "app-data"},

	/* refused */
	{"server refuses, offer has all", "{" ALL_REFUSED "}", "fail", "alert-from-server"},
	{"server refuses for a group that is not offered",
	 "{'server': {'groups': ['X25519']}, " ALL_REFUSED "}",
	 "fail", "not-offered"},
	{"the same, and the profile declares it",
	 "{'server': {'groups': ['X448']}, " ALL_REFUSED "}",
	 "unsupported", "not-offered"},
	{"declared, but the server refused for something else",
	 "{'server': {'groups': ['X448', 'P-256']}, " ALL_REFUSED "}",
	 "fail", "alert-from-server"},
	{"server refuses for want of something that it lacks itself",
	 "{'server': {'versions': ['1.3'], 'signature_algorithms': ['RSA+SHA256']},"
	 " 'witnesses': {" SERVER_REFUSED_WITH("no suitable signature algorithm") ", " WIRE_REFUSED
	 ", " BOARD_REFUSED "}}",
	 "fail", "server-cannot"},
	{"a group is not offered, and OpenSSL refused for another reason",
	 "{'server': {'groups': ['X25519']},"
	 " 'witnesses': {" SERVER_REFUSED_WITH("unexpected message") ", " WIRE_REFUSED
	 ", " BOARD_REFUSED "}}",
	 "fail", "alert-from-server"},
	{"not offered, but no ClientHello was captured to show it",
	 "{'server': {'groups': ['X25519']},"
	 " 'witnesses': {" SERVER_REFUSED ", 'wire': null, " BOARD_REFUSED "}}",
	 "fail", "alert-from-server"},
	{"not offered, but the server had gone on",
	 "{'server': {'groups': ['X25519']},"
	 " 'witnesses': {" SERVER_REFUSED ", 'wire': {" ALERT_40 "}, " BOARD_REFUSED "}}",
	 "fail", "alert-from-server"},
	{"version not offered",
	 "{'server': {'versions': ['1.0']}, 'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_70) ","
	 " 'wire': {'server_hello': null, " ALERT_70 "}, " BOARD_FAILED("hs", "-0x7780") "}}",
	 "fail", "not-offered"},
	{"client refuses the older version that the server chose",
	 "{'server': {'versions': ['1.0']}, 'witnesses': {"
	 " 'server': {" NO_HANDSHAKE ", 'version': '1.0', " ALERT_70_OF_BOARD "},"
	 " 'wire': {'version': 'TLS 1.0', 'client_hello': {'extensions': []}, "
	 ALERT_70_OF_BOARD "},"
	 " 'board': {'phase': 'hs', 'status': '-0x6E80', 'version': null}}}",
	 "fail", "not-offered"},
	{"the same, and the profile declares it",
	 "{'server': {'versions': ['1.1']}, 'witnesses': {"
	 " 'server': {" NO_HANDSHAKE ", 'version': '1.1', " ALERT_70_OF_BOARD "},"
	 " 'wire': {'version': 'TLS 1.1', 'client_hello': {'extensions': []}, "
	 ALERT_70_OF_BOARD "},"
	 " 'board': {'phase': 'hs', 'status': '-0x6E80', 'version': null}}}",
	 "unsupported", "not-offered"},
	{"client refuses a version that it offered",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", " ALERT_70_OF_BOARD "},"
	 " 'wire': {" ALERT_70_OF_BOARD "}, " BOARD_FAILED("hs", "-0x6E80") "}}",
	 "fail", "alert-from-board"},

	/* failed */
	{"board sends an alert",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", " ALERT_80 "}, 'wire': {" ALERT_80 "}, "
	 BOARD_FAILED("hs", "0x20007") "}}",
	 "fail", "alert-from-board"},
	{"board sends an alert that only the wire saw",
	 "{'witnesses': {'server': {" NO_HANDSHAKE "}, 'wire': {" ALERT_80 "}, "
	 BOARD_FAILED("hs", "0x20007") "}}",
	 "fail", "alert-from-board"},
	{"the first alert counts where both sent one",
	 "{'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_50) ", 'wire': {'alerts': ["
	 ALERT("server", "decode_error", "50") ", " ALERT("client", "internal_error", "80") "]}, "
	 BOARD_FAILED("hs", "-1") "}}",
	 "fail", "alert-from-server"},
	{"board fails before its ClientHello",
	 "{'witnesses': {" NO_BYTES ", 'wire': {'client_hello': null}, "
	 BOARD_FAILED("hs", "-0x7F00") "}}",
	 "fail", "no-client-hello"},
	{"board closes before its ClientHello, which OpenSSL answers with an alert",
	 "{'witnesses': {'server': {'state': 'connected', 'handshake': false, " ALERT_50 "},"
	 " 'wire': {'client_hello': null, " ALERT_50 "}, " BOARD_FAILED("hs", "-0x262E") "}}",
	 "fail", "no-client-hello"},
	{"board speaks another protocol, which OpenSSL refuses",
	 "{'witnesses': {'server': {'state': 'connected', 'handshake': false,"
	 " 'closed_by': 'server', " ALERT_70 "},"
	 " 'wire': {'client_hello': null, " ALERT_70 "}, " BOARD_FAILED("hs", "-1") "}}",
	 "fail", "no-client-hello"},
	{"board closes in its handshake, which OpenSSL answers with an alert",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", " ALERT_50 "}, 'wire': {" ALERT_50 "}, "
	 BOARD_FAILED("hs", "-0x7100") "}}",
	 "fail", "closed-by-board"},
	{"board sends an alert in place of its ClientHello",
	 "{'witnesses': {'server': {'state': 'connected', 'handshake': false,"
	 " 'closed_by': 'server', " ALERTS("server", "unexpected_message", "10") "},"
	 " 'wire': {'client_hello': null, " ALERT_80 "}, " BOARD_FAILED("hs", "-1") "}}",
	 "fail", "no-client-hello"},
	{"board never sends a ClientHello",
	 "{'witnesses': {" NO_BYTES ", 'wire': {'client_hello': null}, 'board': {'phase': 'hs'}}}",
	 "fail", "no-client-hello"},
	{"board never comes to its end",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", 'closed_by': 'timeout', 'ended': 'timeout'}, "
	 WIRE_OPEN ", 'board': {'phase': 'hs'}}}",
	 "fail", "timeout"},
	{"board echoed and closed, and tells of no success",
	 "{'witnesses': {'board': {'phase': 'app'}}}",
	 "inconclusive", "no-result"},
	{"board tells nothing",
	 "{'witnesses': {" SERVER_FAILED ", 'board': {'phase': null, 'status': null}}}",
	 "inconclusive", "no-result"},
	{"board says that its handshake failed, and its data came and went",
	 "{'witnesses': {" BOARD_FAILED("hs", "-1") "}}",
	 "inconclusive", "witnesses-disagree"},
	{"data fails after the handshake",
	 "{'witnesses': {'server': {'bytes_received': 0, 'bytes_sent': 0}, "
	 BOARD_FAILED("app", "0x150") "}}",
	 "fail", "app-data"},
	{"board fails at the end, though all was echoed",
	 "{'witnesses': {'board': {'status': '0x113'}}}",
	 "fail", "app-data"},
	{"server closes without a word",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", 'closed_by': 'server'}, "
	 BOARD_FAILED("hs", "-0x7280") "}}",
	 "fail", "closed-by-server"},
	{"board closes without a word",
	 "{'witnesses': {'server': {" NO_HANDSHAKE "}, " BOARD_FAILED("hs", "-0x7100") "}}",
	 "fail", "closed-by-board"},
	{"board closes in its handshake, which the server had completed",
	 "{'witnesses': {'server': {'bytes_received': 0, 'bytes_sent': 0}, "
	 BOARD_FAILED("hs", "-0x7100") "}}",
	 "fail", "closed-by-board"},
	{"board gives up and leaves the connection open, until the server is told to end",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", 'closed_by': null, 'ended': 'stopped'},"
	 " 'wire': {'close': {'first': 'server'}}, " BOARD_FAILED("hs", "-0x7100") "}}",
	 "fail", "board-error"},
	{"the same after the server's handshake, which it then ends in order",
	 "{'witnesses': {'server': {'bytes_received': 0, 'bytes_sent': 0, 'closed_by': 'server',"
	 " 'ended': 'stopped'}, 'wire': {'close': {'first': 'server'}}, "
	 BOARD_FAILED("hs", "-0x7100") "}}",
	 "fail", "board-error"},
	{"server waits in vain",
	 "{'witnesses': {'server': {" NO_HANDSHAKE ", 'closed_by': 'timeout', 'ended': 'timeout'}, "
	 WIRE_OPEN ", " BOARD_FAILED("hs", "0x1") "}}",
	 "fail", "timeout"},
	/* the control */
	{"the control fails too",
	 "{'control': {'outcome': 'fail', 'detail': 'no'}, 'server': {'versions': ['1.2']}, "
	 ALL_REFUSED "}",
	 "error", "control-failed"},
	{"the control fails too, at a server whose faults the suite does not want refused",
	 "{'control': {'outcome': 'fail', 'detail': 'no'}, 'server': {'versions': ['1.2'],"
	 " 'faults': [{'at': 'certificate', 'do': 'close'}]}, " ALL_REFUSED "}",
	 "error", "control-failed"},
	{"the control is refused after its handshake too",
	 "{'control': {'outcome': 'fail', 'detail': 'no'}, 'witnesses': {"
	 CLOSED_BY_SERVER_WITH(ALERT_116) ", 'wire': {" ALERT_116 ", 'close': {'first': 'server'}}}}",
	 "error", "control-failed"},
	{"the control's connection is not as expected either",
	 "{'control': {'outcome': 'fail', 'detail': 'no'},"
	 " 'expect': {'result': 'connect', 'resumed': true}}",
	 "error", "control-failed"},
	{"the control fails where the board passes",
	 "{'control': {'outcome': 'fail', 'detail': 'no'}}",
	 "pass", "connected"},
	{"the control accepts what it must refuse too",
	 "{" MUST_REFUSE ", 'control': {'outcome': 'fail', 'detail': 'no'}}",
	 "fail", "unsafe"},

	/* what must be refused */
	{"an expired certificate is accepted",
	 "{" MUST_REFUSE "}",
	 "fail", "unsafe"},
	{"data came, though the board says that it failed then",
	 "{" MUST_REFUSE ", 'witnesses': {" BOARD_FAILED("app", "-1") "}}",
	 "fail", "unsafe"},
	{"the server saw the client go on after the fault",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" NO_DATA ", 'accepted': true, "
	 APPLIED "}, " BOARD_FAILED("hs", "-1") "}}",
	 "fail", "unsafe"},
	{"the same board says nothing more",
	 "{" MUST_REFUSE ", 'witnesses': {'board': {'failed': 'silent'}}}",
	 "fail", "unsafe"},
	{"the right alert",
	 "{" MUST_REFUSE ", 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "pass", "refused"},
	{"the right alert, of several right answers",
	 "{'expect': [{'result': 'connect'}, {'result': 'refuse'}], 'witnesses': {"
	 CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "pass", "refused"},
	{"a connection, of several right answers",
	 "{'expect': [{'result': 'connect'}, {'result': 'refuse'}]}",
	 "pass", "connected"},
	{"another alert",
	 "{" MUST_REFUSE ", 'witnesses': {" CLIENT_REFUSED("internal_error", "80") "}}",
	 "pass", "refused-other-alert"},
	{"no alert",
	 "{" MUST_REFUSE ", 'witnesses': {'server': {" NO_DATA ", 'ended': 'handshake-failed'}, "
	 BOARD_FAILED("hs", "-1") "}}",
	 "pass", "refused-silently"},
	{"refused once the handshake was over",
	 "{" MUST_REFUSE ", 'witnesses': {'server': {'bytes_received': 0, 'bytes_sent': 0}, "
	 BOARD_FAILED("hs", "-1") "}}",
	 "pass", "refused-late"},
	{"the alert that is right, but from the other side",
	 "{" MUST_REFUSE ", 'witnesses': {" SERVER_FAILED ", 'wire': {" ALERT_40 "}}}",
	 "inconclusive", "witnesses-disagree"},
	{"the server refuses, as it should",
	 "{'expect': {'result': 'refuse', 'by': 'server', 'alerts': ['handshake_failure']},"
	 " 'server': {'versions': ['1.2']}, " ALL_REFUSED "}",
	 "pass", "refused"},
	{"the server refuses for what the board does not offer",
	 "{" MUST_REFUSE ", 'witnesses': {" SERVER_REFUSED_WITH("no shared cipher") ", "
	 WIRE_REFUSED ", " BOARD_REFUSED "}}",
	 "fail", "alert-from-server"},
	{"a board that refuses the good twin too",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'fail', 'detail': 'no'}},"
	 " 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "inconclusive", "refuses-all"},
	{"a board that shows no close_notify took the good twin all the same",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'fail', 'reason': 'no-close-notify',"
	 " 'detail': 'no'}, 'after': {'outcome': 'fail', 'reason': 'no-close-notify',"
	 " 'detail': 'no'}}, 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "pass", "refused"},
	{"the server refuses as it may, and the board fails at the good twin too",
	 "{'expect': [{'result': 'connect'}, {'result': 'refuse', 'by': 'either',"
	 " 'alerts': ['handshake_failure']}], 'server': {'groups': ['X25519']},"
	 " 'twin': {'before': {'outcome': 'fail', 'detail': 'no'}}, " ALL_REFUSED "}",
	 "inconclusive", "refuses-all"},
	{"the server refuses before it has shown its flaw",
	 "{'expect': {'result': 'refuse', 'alerts': ['certificate_expired']},"
	 " 'server': {'groups': ['X25519']}, " ALL_REFUSED "}",
	 "inconclusive", "flaw-not-shown"},
	{"what is unsafe is so though the good twin failed",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'fail', 'detail': 'no'}}}",
	 "fail", "unsafe"},
	{"a board that does not come back",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'pass'}, 'after':"
	 " {'outcome': 'inconclusive', 'detail': 'no'}},"
	 " 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "fail", "liveness"},
	{"a board whose words nobody understands afterwards is not known to be gone",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'pass'}, 'after':"
	 " {'outcome': 'inconclusive', 'reason': 'no-match', 'detail': 'no'}},"
	 " 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "inconclusive", "no-match"},
	{"a harness that fails afterwards says nothing of the board",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'pass'}, 'after':"
	 " {'outcome': 'error', 'detail': 'no'}},"
	 " 'witnesses': {" CLIENT_REFUSED("certificate_expired", "45") "}}",
	 "pass", "refused"},
	{"a board that restarts at it",
	 "{" MUST_REFUSE ", 'witnesses': {'server': {" NO_DATA "},"
	 " 'board': {'failed': 'reboot', 'text': 'new boot nonce'}}}",
	 "fail", "reboot"},
	{"only the keys no longer fit",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", 'noticed': false, "
	 NO_DATA ", " ALERTS("client", "bad_record_mac", "20") "}, " BOARD_FAILED("hs", "-1") "}}",
	 "fail", "fault-unnoticed"},
	{"a revoked certificate, and the board has not asked for its status",
	 "{'expect': {'result': 'refuse', 'offered': 'status_request'}}",
	 "pass", "connected"},
	{"a revoked certificate, and the board has asked",
	 "{'expect': {'result': 'refuse', 'offered': 'status_request'}, 'witnesses': {'wire':"
	 " {'client_hello': {'extensions': [{'name': 'status_request'}]}}}}",
	 "fail", "unsafe"},
	{"an alert that nobody could read, as only the board says",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", " NO_DATA ", "
	 ALERT_70 ", 'closed_by': 'server'"
	 "}, " BOARD_ALERTED "}}",
	 "pass", "refused-silently"},
	{"... and as only the wire shows: the server answered what it could not read",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", " NO_DATA ", "
	 ALERT_70 ", 'closed_by': 'server', 'version': '1.2'}, 'wire': {'version': 'TLS 1.2',"
	 " 'alerts': [{'from': 'client', 'level':"
	 " 'warning', 'number': 100, 'protected_with': 'no keys'}, {'from': 'server', 'level':"
	 " null, 'number': null}]}, " BOARD_FAILED("hs", "-395") "}}",
	 "pass", "refused-silently"},
	{"a warning that the server could read is no refusal",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", " NO_DATA ", "
	 ALERT_70 ", 'closed_by': 'server', 'version': '1.2'}, 'wire': {'version': 'TLS 1.2',"
	 " 'alerts': [{'from': 'client', 'level':"
	 " 'warning', 'number': 100}, {'from': 'server', 'level':"
	 " null, 'number': null}]}, " BOARD_FAILED("hs", "-395") "}}",
	 "fail", "alert-from-server"},
	{"the board says so too late",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", " NO_DATA ", "
	 ALERT_70 ", 'closed_by': 'server'"
	 ", 'accepted': true}, " BOARD_ALERTED "}}",
	 "fail", "unsafe"},
	{"a board that went on until the server ended it",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" APPLIED ", " NO_DATA ", "
	 ALERT_70 ", 'closed_by': 'server'"
	 "}, " BOARD_FAILED("hs", "-1") "}}",
	 "fail", "alert-from-server"},
	{"the connection never came to the fault",
	 "{" MUST_REFUSE_FAULT "}",
	 "skip", "fault-not-applied"},
	{"the same, and only the board says that it worked",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {'server': {" NO_HANDSHAKE ", " NO_DATA "}}}",
	 "inconclusive", "witnesses-disagree"},
	{"a failure before the fault is none because of it",
	 "{" MUST_REFUSE_FAULT ", 'witnesses': {" CLIENT_REFUSED("handshake_failure", "40") "}}",
	 "inconclusive", "fault-not-applied"},
	{"the board's program ended at the flaw",
	 "{" MUST_REFUSE ", 'witnesses': {'server': {" NO_HANDSHAKE ", " NO_DATA "},"
	 " 'board': {'failed': 'board'}}}",
	 "fail", "reboot"},
	{"... and at the good twin",
	 "{" MUST_REFUSE ", 'twin': {'before': {'outcome': 'inconclusive'}}, 'witnesses': {'server':"
	 " {" NO_HANDSHAKE ", " NO_DATA "}, 'board': {'failed': 'board'}}}",
	 "inconclusive", "port-lost"},
	{"the right alert of the server, that this board gets everywhere",
	 "{'expect': {'result': 'refuse', 'by': 'either', 'alerts': ['handshake_failure']},"
	 " 'twin': {'before': {'outcome': 'fail'}}, " ALL_REFUSED "}",
	 "inconclusive", "refuses-all"},
	{"the server's alert is the fault itself, and this board fails everywhere",
	 "{'expect': {'result': 'refuse', 'by': 'either'}, 'twin': {'before': {'outcome': 'fail'}},"
	 " 'server': {'faults': [{'at': 'certificate', 'do': 'alert'}]}, 'witnesses': {'server':"
	 " {" NO_HANDSHAKE ", " NO_DATA ", 'closed_by': 'server',"
	 " 'faults': [{'applied': true}], " SERVER_ALERT_80 "},"
	 " 'wire': {" SERVER_ALERT_80 "}, " BOARD_FAILED("hs", "1") "}}",
	 "inconclusive", "refuses-all"},
	{"the server went away on purpose, and says decode_error of the end that it made",
	 "{" MUST_END ", 'witnesses': {" WENT_AWAY_WITH(ALERT_50 ", " EARLY_END) ", "
	 BOARD_FAILED("hs", "-1") "}}",
	 "pass", "refused"},
	{"... and the board answers with a reset",
	 "{" MUST_END ", 'witnesses': {" WENT_AWAY_WITH("'alerts': []") ", "
	 BOARD_FAILED("hs", "-1") "}}",
	 "pass", "refused"},
	{"... and the board calls that a success",
	 "{" MUST_END ", 'witnesses': {" WENT_AWAY_WITH(ALERT_50 ", " EARLY_END) "}}",
	 "inconclusive", "witnesses-disagree"},
	{"... and the board fails without that, too",
	 "{" MUST_END ", 'twin': {'before': {'outcome': 'fail'}}, 'witnesses': {"
	 WENT_AWAY_WITH(ALERT_50 ", " EARLY_END) ", " BOARD_FAILED("hs", "-1") "}}",
	 "inconclusive", "refuses-all"},
	{"neither refused nor gone on",
	 "{" MUST_REFUSE ", 'witnesses': {'server': {" NO_HANDSHAKE ", " NO_DATA ","
	 " 'closed_by': 'timeout', 'ended': 'timeout'}, " WIRE_OPEN ", "
	 BOARD_FAILED("hs", "0x1") "}}",
	 "fail", "hung"},
	{"connected, and not as expected",
	 "{'expect': {'result': 'connect', 'resumed': true}}",
	 "fail", "not-as-expected"},
	{"connected as expected",
	 "{'expect': {'result': 'connect', 'version': '1.3'}}",
	 "pass", "connected"},

	{"only the board speaks of a fault",
	 "{'witnesses': {" SERVER_FAILED ", " WIRE_OPEN ", " BOARD_FAILED("hs", "0x1") "}}",
	 "fail", "board-error"},
};

static json_t *profile(void)
{
	return parsed("{'name': 'b', 'stack': 'netxduo', 'stack_version': '6.2.0',"
	              " 'unsupported': {'groups': ['X448'], 'versions': ['1.1']}}");
}

static void every_observation_has_its_verdict(void **state)
{
	json_t *board = profile();

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		json_t *cell = cell_with(verdicts[i].patch);

		judge_cell(cell, board);
		if (strcmp(json_text(cell, "outcome"), verdicts[i].outcome) != 0 ||
		    strcmp(json_text(cell, "reason"), verdicts[i].reason) != 0)
			fail_msg("%s: %s/%s, not %s/%s (%s)", verdicts[i].said,
			         json_text(cell, "outcome"),
			         json_text(cell, "reason"), verdicts[i].outcome, verdicts[i].reason,
			         json_text(cell, "detail"));
		assert_null(strchr(json_text(cell, "detail"), '{')); /* every word was filled in */
		json_decref(cell);
	}
	json_decref(board);
}

static size_t deciding_row(const json_t *cell, const json_t *board)
{
	const struct judge_row *rows;
	struct facts facts;
	size_t n, i;

	rows = judge_rows(&n);
	facts_read(&facts, cell, board);
	for (i = 0; i < n; i++)
		if ((facts.bits & rows[i].need) == rows[i].need &&
		    (facts.bits & rows[i].exclude) == 0)
			break;
	return i;
}

static void every_row_of_the_table_decides_something(void **state)
{
	json_t *board = profile();
	bool decided[96] = {false};
	size_t n, i;
	const struct judge_row *rows = judge_rows(&n);

	(void)state;
	assert_true(n <= COUNT(decided));
	for (i = 0; i < COUNT(verdicts); i++) {
		json_t *cell = cell_with(verdicts[i].patch);

		judge_cell(cell, board);
		decided[deciding_row(cell, board)] = true;
		json_decref(cell);
	}
	for (i = 0; i < n; i++)
		if (!decided[i])
			fail_msg("no observation is decided by: %s", rows[i].detail);
	json_decref(board);
}

static void judging_again_changes_nothing(void **state)
{
	json_t *board = profile();

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		json_t *cell = cell_with(verdicts[i].patch), *once;

		judge_cell(cell, board);
		once = json_deep_copy(cell);
		judge_cell(cell, board);
		assert_true(json_equal(once, cell));
		json_decref(once);
		json_decref(cell);
	}
	json_decref(board);
}

static void what_is_left_open_is_said(void **state)
{
	json_t *board = profile();
	json_t *cell = cell_with("{'witnesses': {'wire': null, "
	                         CLOSED_BY_SERVER_WITH(ALERT_116) "}}");

	(void)state;
	judge_cell(cell, board);
	assert_non_null(strstr(json_text(cell, "detail"), "believes that it succeeded"));
	assert_non_null(strstr(json_text(cell, "detail"), "no capture"));
	json_decref(cell);
	json_decref(board);
}

/* The detail of a cell with these testimonies, in which `words` must stand, or must not. */
static void assert_said(const char *patch, const char *profile_text, const char *words, bool said)
{
	json_t *board = parsed(profile_text), *cell = cell_with(patch);

	judge_cell(cell, board);
	if ((strstr(json_text(cell, "detail"), words) != NULL) != said)
		fail_msg("\"%s\" %s \"%s\"", json_text(cell, "detail"),
		         said ? "lacks" : "has", words);
	json_decref(cell);
	json_decref(board);
}

static void what_the_board_was_not_given_is_said(void **state)
{
	static const char refused[] =
		"{'witnesses': {" SERVER_REFUSED_WITH("peer did not return a certificate")
		", 'wire': {" ALERT_40 "}, " BOARD_FAILED("app", "-1") "}}";

	(void)state;
	assert_said(refused, "{'name': 'b'}", "names none to give it", true);
	assert_said(refused, "{'name': 'b', 'client_certificate': 'client-rsa-2048'}",
	            "names none to give it", false);
	assert_said("{'witnesses': {" SERVER_REFUSED_WITH("certificate verify failed")
	            ", 'wire': {" ALERT_40 "}, " BOARD_FAILED("app", "-1") "}}",
	            "{'name': 'b'}", "names none to give it", false);
}

static void assert_alert_said(const char *text, const char *words)
{
	json_t *alert = parsed(text);
	struct buf said = {0};

	witness_named_alert(alert, &said);
	assert_string_equal(buf_string(&said), words);
	buf_fini(&said);
	json_decref(alert);
}

static void an_alert_is_said_by_its_name_its_number_or_as_unread(void **state)
{
	(void)state;
	assert_alert_said("{'description': 'internal_error', 'number': 80}",
	                  "alert internal_error (80)");
	assert_alert_said("{'description': null, 'number': 200}", "alert 200");
	assert_alert_said("{'description': null, 'number': null}",
	                  "an alert that could not be decrypted");
	assert_said("{'witnesses': {'server': {" NO_HANDSHAKE "}, 'wire': {" ALERT_80 "}, "
	            BOARD_FAILED("hs", "-395") "}}", "{'name': 'b'}",
	            "with alert internal_error (80)", true);
}

static void an_alert_that_only_the_board_knows_of_is_said(void **state)
{
	(void)state;
	assert_said("{'witnesses': {'server': {" NO_HANDSHAKE "}, 'board': {'phase': 'hs',"
	            " 'status': '-348', 'alert': {'from': 'client', 'number': 42}}}}",
	            "{'name': 'b'}", "It says that it sent alert 42; none came.", true);
	assert_said("{'witnesses': {'server': {" NO_HANDSHAKE ", 'version': '1.2'},"
	            " 'wire': {'version': 'TLS 1.2', 'alerts': [{'from': 'client', 'level':"
	            " 'warning', 'description': 'bad_certificate', 'number': 42}]},"
	            " 'board': {'phase': 'hs', 'status': '-348',"
	            " 'alert': {'from': 'client', 'number': 42}}}}",
	            "{'name': 'b'}", "none came", false);
}

static void a_server_that_was_told_to_end_is_not_said_to_have_closed(void **state)
{
	json_t *cell = cell_with("{'witnesses': {'server': {'closed_by': 'server',"
	                         " 'ended': 'stopped'}, 'board': {'phase': null, 'status': ''}}}");
	json_t *told = witness_statements(cell);

	(void)state;
	assert_non_null(strstr(json_text(json_array_get(told, 0), "text"), "told to end"));
	assert_null(strstr(json_text(json_array_get(told, 0), "text"), "the server closed"));
	assert_string_equal(json_text(json_array_get(told, 2), "text"), "no status");
	json_decref(told);
	json_decref(cell);
}

static void what_the_suite_told_the_board_is_said(void **state)
{
	json_t *board = profile();
	json_t *cell = cell_with("{'server': {'versions': ['1.0']}, 'client': {'min': '1.2'},"
	                         " 'witnesses': {" CLOSED_BY_SERVER_WITH(ALERT_70) ","
	                         " 'wire': {'server_hello': null, " ALERT_70 "}, "
	                         BOARD_FAILED("hs", "-0x7780") "}}");

	(void)state;
	judge_cell(cell, board);
	assert_string_equal(json_text(cell, "reason"), "not-offered");
	assert_non_null(strstr(json_text(cell, "detail"), "told it to offer at least TLS 1.2"));
	json_decref(cell);
	json_decref(board);
}

static void status_is_named_by_the_boards_stack(void **state)
{
	json_t *board = profile();
	json_t *cell = cell_with("{'witnesses': {'board': {'phase': 'hs', 'status': '0x20007'}}}");
	const json_t *result;

	(void)state;
	judge_cell(cell, board);
	result = json_object_get(json_object_get(cell, "witnesses"), "board");
	assert_string_equal(json_text(result, "status_name"), "NX_CRYPTO_PTR_ERROR");
	json_decref(cell);
	json_decref(board);
}

/* --- the document ----------------------------------------------------------------------------- */

static void put_facts(struct buf *out, uint64_t bits)
{
	bool first = true;

	for (unsigned i = 0; i < 64; i++) {
		if ((bits & (UINT64_C(1) << i)) == 0)
			continue;
		buf_printf(out, "%s%s", first ? "" : ", ", fact_name(UINT64_C(1) << i));
		first = false;
	}
}

static void document_shows_the_table_of_the_code(void **state)
{
	struct buf document = {0}, line = {0};
	struct error error;
	size_t n;
	const struct judge_row *rows = judge_rows(&n);
	char *path = file_join(file_data_root(&error), "docs/diagnosis-rules.md");

	(void)state;
	assert_int_equal(file_read(path, 1 << 20, &document, &error), 0);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&line);
		buf_printf(&line, "| %zu | ", i + 1);
		put_facts(&line, rows[i].need);
		buf_text(&line, " | ");
		put_facts(&line, rows[i].exclude);
		buf_printf(&line, " | %s | %s |", rows[i].outcome, rows[i].reason);
		if (strstr(buf_string(&document), buf_string(&line)) == NULL)
			fail_msg("docs/diagnosis-rules.md lacks: %s", buf_string(&line));
	}
	free(path);
	buf_fini(&document);
	buf_fini(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_observation_has_its_verdict),
		cmocka_unit_test(every_row_of_the_table_decides_something),
		cmocka_unit_test(judging_again_changes_nothing),
		cmocka_unit_test(what_is_left_open_is_said),
		cmocka_unit_test(what_the_board_was_not_given_is_said),
		cmocka_unit_test(an_alert_is_said_by_its_name_its_number_or_as_unread),
		cmocka_unit_test(an_alert_that_only_the_board_knows_of_is_said),
		cmocka_unit_test(a_server_that_was_told_to_end_is_not_said_to_have_closed),
		cmocka_unit_test(what_the_suite_told_the_board_is_said),
		cmocka_unit_test(status_is_named_by_the_boards_stack),
		cmocka_unit_test(document_shows_the_table_of_the_code),
	};
	char *here = getcwd(NULL, 0);

	setenv("SHAKEDOWN_ROOT", here, 0); /* for a build folder outside of the repository */
	free(here);
	return cmocka_run_group_tests_name("verdict/judge", tests, NULL, NULL);
}
