"""The door for programs, `/api/v1`: the same services and rights as the pages, spoken in JSON.

`serving` knows tokens, limits and answers; `endpoints` lists what there is; each other module answers for one subject.
"""

from qa.web.api.calls import PATH
from qa.web.api.serving import mounted

__all__ = ["PATH", "mounted"]
