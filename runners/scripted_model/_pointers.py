"""How to point agent CLIs and SDKs at the endpoint: their own settings, with the URL filled in.

`proctor connect` adds the MCP server. Claude Code would hide its tools behind a search for tools,
which a script does not use.
"""

from collections.abc import Mapping

POINTERS: Mapping[str, str] = {
    "claude": (
        "ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=test ENABLE_TOOL_SEARCH=false "
        "claude --model claude-sonnet-4-5"
    ),
    "codex": (
        "SCRIPTED_KEY=test codex -m gpt-5.2 -c model_provider=scripted "
        '-c \'model_providers.scripted={{name="scripted", base_url="{url}/v1", '
        'env_key="SCRIPTED_KEY", wire_api="responses"}}\''
    ),
    "gemini": (
        "GOOGLE_GEMINI_BASE_URL={url} GEMINI_API_KEY=test gemini -m gemini-2.5-flash\n"
        '# with "security": {{"auth": {{"selectedType": "gemini-api-key"}}}} in '
        "~/.gemini/settings.json"
    ),
    "opencode": (
        "opencode -m scripted/scripted\n"
        '# with "provider": {{"scripted": {{"npm": "@ai-sdk/openai-compatible", "options": '
        '{{"baseURL": "{url}/v1", "apiKey": "test"}}, "models": {{"scripted": {{}}}}}}}} in '
        "opencode.json"
    ),
    "qwen": (
        "OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=test OPENAI_MODEL=scripted "
        "qwen --auth-type openai\n"
        '# with "tools": {{"toolSearch": {{"enabled": false}}}} in ~/.qwen/settings.json'
    ),
    "copilot": (
        "COPILOT_OFFLINE=true COPILOT_PROVIDER_BASE_URL={url}/v1 COPILOT_MODEL=scripted copilot"
    ),
    "anthropic": 'anthropic.Anthropic(base_url="{url}", api_key="test")',
    "openai": 'openai.OpenAI(base_url="{url}/v1", api_key="test")',
    "google-genai": 'genai.Client(api_key="test", http_options={{"base_url": "{url}"}})',
}
"""By CLI or SDK."""


def pointers(url: str) -> dict[str, str]:
    """The lines, with this endpoint's URL."""
    return {name: lines.format(url=url) for name, lines in POINTERS.items()}
