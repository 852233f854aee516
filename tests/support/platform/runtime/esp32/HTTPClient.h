#pragma once
#include "HTTPClientStub.h"
