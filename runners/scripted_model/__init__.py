"""A model without a model: an endpoint that speaks the providers' protocols and plays a script.

    async with endpoint("solver") as model:
        ...  # point a CLI or an SDK at model.url; any key will do

It speaks Anthropic's Messages, OpenAI's Responses and Chat Completions, and Gemini's
generateContent, streaming and not. A script (`scripts/`, one file each) decides what it says; it
is replayed against the tool results in each request's conversation, so the endpoint keeps no
state but the place in a plan of faults. Usage is made up: characters by four.
"""

from runners.scripted_model._app import Exchange as Exchange
from runners.scripted_model._app import Total as Total
from runners.scripted_model._faults import Faults as Faults
from runners.scripted_model._replay import SCRIPTS as SCRIPTS
from runners.scripted_model._replay import Call as Call
from runners.scripted_model._replay import Script as Script
from runners.scripted_model._serving import Endpoint as Endpoint
from runners.scripted_model._serving import endpoint as endpoint
