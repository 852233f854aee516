#include "HTTPUpdate.h"

HTTPUpdate httpUpdate;
