/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schema/xml.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xmlschemastypes.h>

void ks_xml_share_validation(void)
{
    xmlInitParser();
    xmlSchemaInitTypes();
    (void)xmlRelaxNGInitTypes();
}
