/* version.h: the version of Shakedown. Layer: base. */
#ifndef SHAKEDOWN_BASE_VERSION_H
#define SHAKEDOWN_BASE_VERSION_H

#define SHAKEDOWN_VERSION "0.1"

#endif
