/*
 * page.h: the files of harness/view/page/, as the build puts them into the program. Layer: view.
 */
#ifndef SHAKEDOWN_VIEW_PAGE_H
#define SHAKEDOWN_VIEW_PAGE_H

#include "base/reader.h"

/* The page with "@name@" where things go; its style; its script, all files of it. Static. */
extern const struct bytes page_html, page_css, page_js;

#endif
