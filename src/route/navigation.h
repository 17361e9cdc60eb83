/* Whether a request is a person going to a page (contract §1): a GET with Sec-Fetch-Mode: navigate or, from
 * clients that send no such field, with an Accept that names text/html with a q not below any other's. It
 * decides between a page and JSON, and whether a single-page app's page answers for a path. */
#pragma once

#include "wire/http1.h"

bool navigation_is(const struct http1_head *head);
/* Whether the page of a single-page app may answer: a navigation to something that does not look like a
 * file (no dot in the last segment of `path`). */
bool navigation_may_fall_back(const struct http1_head *head, struct slice path);
