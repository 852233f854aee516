#pragma once
#include "UpdateStub.h"

class HTTPUpdate : public UpdateStub {
public:
    using UpdateStub::UpdateStub;
};

extern HTTPUpdate httpUpdate;
