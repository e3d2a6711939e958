"""The glue compiles with libraries that were built without much, by the headers that are installed."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[2]
FLAGS = ("-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wvla", "-Werror")

WOLFSSL = ("HAVE_ECC HAVE_AESGCM HAVE_HKDF HAVE_TLS_EXTENSIONS HAVE_SUPPORTED_CURVES WOLFSSL_SHA384 WOLFSSL_SP_MATH_ALL "
           "TFM_TIMING_RESISTANT ECC_TIMING_RESISTANT WC_RSA_BLINDING NO_OLD_TLS "
           "HAVE_SNI HAVE_ALPN HAVE_SESSION_TICKET WOLFSSL_TLS13").split()
MBEDTLS_PSK = tuple(f"MBEDTLS_KEY_EXCHANGE_{kind}_ENABLED" for kind in ("PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK"))


class ReducedStacks(unittest.TestCase):
    def compiles(self, stack: str, *flags: str) -> None:
        source = HARNESS / f"firmware/glue/stack_{stack}.c"
        done = subprocess.run(["cc", *FLAGS, *flags, "-I", HARNESS, "-fsyntax-only", source],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def wolfssl(self, without: str = "", more: str = "") -> None:
        """In the place of the installed library's options."""
        words = [word for word in WOLFSSL if word not in without.split()] + more.split()
        self.compiles("wolfssl", "-DWOLFSSL_OPTIONS_H", *(f"-D{word}" for word in words))

    def mbedtls(self, *without: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            header = Path(folder, "user.h")
            header.write_text("".join(f"#undef {word}\n" for word in without), encoding="ascii")
            self.compiles("mbedtls", f'-DMBEDTLS_USER_CONFIG_FILE="{header}"')

    @unittest.skipUnless(Path("/usr/include/wolfssl/ssl.h").exists(), "wolfSSL is not installed")
    def test_wolfssl_without_a_part_that_is_as_wanted(self) -> None:
        for without in ("", *WOLFSSL[-4:], "HAVE_SNI HAVE_ALPN HAVE_SESSION_TICKET"):
            with self.subTest(without):
                self.wolfssl(without)
        for more in ("WOLFSSL_NO_TLS12", "NO_PSK", "NO_SESSION_CACHE", "OPENSSL_EXTRA", "KEEP_PEER_CERT",
                     "NO_ERROR_STRINGS NO_RSA"):
            with self.subTest(more):
                self.wolfssl("", more)

    @unittest.skipUnless(Path("/usr/include/mbedtls/ssl.h").exists(), "Mbed TLS is not installed")
    def test_mbedtls_without_a_part_that_is_as_wanted(self) -> None:
        parts = ("SSL_SERVER_NAME_INDICATION", "SSL_ALPN", "SSL_SESSION_TICKETS", "DEBUG_C", "ERROR_C", "VERSION_C",
                 "VERSION_FEATURES")
        words = [f"MBEDTLS_{part}" for part in parts]
        for without in (words[:1], words[1:2], words[3:4], words[4:5], words, MBEDTLS_PSK):
            with self.subTest(without):
                self.mbedtls(*without)


if __name__ == "__main__":
    unittest.main()
