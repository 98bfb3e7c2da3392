"""Keys and tokens that are told by their own form, whatever stands around them.

One row for each form: its name and its expression. A form whose prefix is rare needs no more; the
others must look random. The forms are those that the issuers document or that public rule sets
agree on; the expressions are ours.
"""

from __future__ import annotations

from typing import Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.checks import (
    github_token,
    google_key,
    random_enough,
    with_digits,
)

KIND: Final = "api_key"
_RANK: Final = 20
_SOME: Final = random_enough(2.0)
_MOST: Final = random_enough(3.0)

_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("1password-secret-key", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})"
     r"-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"),
    ("1password-service-account", r"ops_eyJ[A-Za-z0-9+/=]{60,}"),
    ("adafruit-io", r"aio_[A-Za-z0-9]{28}"),
    ("adobe-client-secret", r"p8e-[A-Za-z0-9]{32}"),
    ("airtable-token", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("akamai", r"akab-[a-z0-9]{16}-[a-z0-9]{16}"),
    ("alibaba-access-key", r"LTAI[A-Za-z0-9]{12,20}"),
    ("amazon-mws", r"amzn\.mws\.[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}"),
    ("anthropic", r"sk-ant-(?:(?:api|oat|ort|sid)\d{2}-[\w-]{80,110}|admin\d{2}-[\w-]{93}AA)"),
    ("artifactory-api-key", r"AKC[A-Za-z0-9]{10,}"),
    ("artifactory-reference-token", r"cmVmd[A-Za-z0-9]{59}"),
    ("asana-token", r"[12]/\d{16}(?:/\d{16})?:[a-f0-9]{32}"),
    ("atlassian-token", r"AT(?:ATT|CTT|BB)3x[\w=-]{30,}"),
    ("atlassian-data-center", r"BBDC-[A-Za-z0-9+/@_-]{40,50}"),
    ("aws-access-key", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"),
    ("bedrock-api-key", r"(?:bedrock-api-key-[A-Za-z0-9]{20,}|ABSK[A-Za-z0-9+/]{109,269}={0,2})"),
    ("azure-client-secret", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("azure-storage-key", r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    ("azure-shared-access", r"SharedAccessKey=(?P<value>[A-Za-z0-9+/]{43}=)"),
    ("azure-sas", r"[?&]sig=(?P<value>[A-Za-z0-9%]{43,63}(?:%3D|=))"),
    ("azure-devops", r"[a-z0-9A-Z]{76}AZDO[A-Za-z0-9]{4}"),
    ("beamer", r"b_[a-z0-9=_-]{44}"),
    ("cerebras", r"csk-[a-z0-9]{48}"),
    ("clickhouse-cloud", r"4b1d[A-Za-z0-9]{38}"),
    ("clojars", r"(?i:CLOJARS_)[a-zA-Z0-9]{60}"),
    ("cloudflare-origin-ca", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    ("contentful-token", r"CFPAT-[\w-]{43}"),
    ("databricks", r"dapi[a-f0-9]{32}(?:-\d)?"),
    ("deepseek", r"sk-[a-f0-9]{32}"),
    ("defined-networking", r"dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"),
    ("digitalocean", r"do[opr]_v1_[a-f0-9]{64}"),
    ("discord-bot", r"[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,38}"),
    ("docker-hub", r"dckr_(?:pat|oat)_[\w-]{24,36}"),
    ("docker-swarm", r"SWM(?:KEY|TKN)-1-[\w+/-]{40,}"),
    ("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,60}"),
    ("duffel", r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}"),
    ("dynatrace", r"(?i:dt0c01\.[a-z0-9]{24}\.[a-z0-9]{64})"),
    ("easypost", r"EZ[AT]K[A-Za-z0-9]{54}"),
    ("facebook-app-token", r"\d{15,16}(?:\||%7C)[\w-]{27}"),
    ("facebook-page-token", r"EAA[MC][A-Za-z0-9]{20,}"),
    ("figma", r"fig[dor]_[\w-]{40,}"),
    ("flutterwave", r"FLW(?:PUB|SEC)K_TEST-[a-hA-H0-9]{12,32}(?:-X)?"),
    ("fly-io", r"(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{100,256})"),
    ("frame-io", r"fio-u-[A-Za-z0-9_=-]{64}"),
    ("github-fine-grained", r"github_pat_\w{60,92}"),
    ("gitlab", r"gl(?:pat|ptt|rt|rtr|cbt|dt|ft|imt|oas|soat|agent|ffct)-[\w.-]{18,70}"),
    ("gitlab-runner-registration", r"GR1348941[\w-]{20}"),
    ("gitlab-session", r"_gitlab_session=(?P<value>[a-z0-9]{32})"),
    ("gocardless", r"live_[A-Za-z0-9_=-]{40}"),
    ("google-oauth-secret", r"GOCSPX-[\w-]{28}"),
    ("google-oauth-access", r"ya29\.[\w-]{50,}"),
    ("google-oauth-refresh", r"1//0[\w-]{40,100}"),
    ("grafana-api-key", r"eyJrIjoi[A-Za-z0-9=]{60,}"),
    ("grafana-cloud", r"glc_[A-Za-z0-9+/=]{32,}"),
    ("grafana-service-account", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ("groq", r"gsk_[A-Za-z0-9]{48,56}"),
    ("harness", r"(?:pat|sat)\.[\w-]{22}\.[a-zA-Z0-9]{24}\.[a-zA-Z0-9]{20}"),
    ("terraform-cloud", r"[A-Za-z0-9]{14}\.(?i:atlasv1)\.[A-Za-z0-9_=-]{60,70}"),
    ("heroku", r"HRKU-(?:[\w-]{58,62}|[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})"),
    ("hugging-face", r"(?:hf|api_org)_[A-Za-z0-9]{34}"),
    ("infracost", r"ico-[A-Za-z0-9]{32}"),
    ("intra42", r"s-s4t2(?:ud|af)-[a-f0-9]{64}"),
    ("lark", r"t-g[A-Za-z0-9]{40}"),
    ("linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{40}"),
    ("lob", r"(?:live|test)_(?:pub_[a-f0-9]{31}|[a-f0-9]{35})"),
    ("mailchimp", r"[a-f0-9]{32}-us\d{1,2}"),
    ("mailgun", r"(?:pub)?key-[a-f0-9]{32}"),
    ("mailgun-signing", r"[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}"),
    ("mapbox", r"[ps]k\.[A-Za-z0-9]{60}\.[A-Za-z0-9]{22}"),
    ("maxmind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("mistral-codestral", r"codestral-[A-Za-z0-9]{32}"),
    ("new-relic", r"NR(?:AK-[A-Za-z0-9]{27}|II-[\w-]{32}|JS-[a-f0-9]{19})"),
    ("new-relic-license", r"(?:[a-z]{2}\d{2}x)?[a-f0-9]{24,40}(?:FFFF)?NRAL"),
    ("netlify", r"nf[pucobe]_[A-Za-z0-9]{36}"),
    ("notion", r"(?:ntn_\d{11}[A-Za-z0-9]{32,40}|secret_[A-Za-z0-9]{43})"),
    ("npm", r"(?i:npm)_[A-Za-z0-9]{36}"),
    ("nuget", r"oy2[a-z0-9]{43}"),
    ("nvidia", r"nvapi-[\w-]{60,70}"),
    ("octopus", r"API-[A-Z0-9]{26}"),
    ("openai", r"sk-(?:proj-|svcacct-|admin-|None-)?[\w-]{20,200}T3BlbkFJ[\w-]{20,200}"),
    ("openai-new", r"sk-(?:proj|svcacct|admin)-[\w-]{40,200}"),
    ("openrouter", r"sk-or-v1-[a-f0-9]{64}"),
    ("openshift", r"sha256~[\w-]{43}"),
    ("perplexity", r"pplx-[A-Za-z0-9]{48}"),
    ("plaid", r"access-(?:sandbox|development|production)-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}"
     r"-[a-f0-9]{4}-[a-f0-9]{12}"),
    ("planetscale", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}"),
    ("posthog", r"ph[acsxr]_[A-Za-z0-9]{40,64}"),
    ("postman", r"PMAK-[a-fA-F0-9]{24}-[a-fA-F0-9]{34}"),
    ("prefect", r"pnu_[A-Za-z0-9]{36}"),
    ("pulumi", r"pul-[a-f0-9]{40}"),
    ("pypi", r"pypi-AgE[\w-]{50,}"),
    ("readme", r"rdme_[a-z0-9]{70}"),
    ("replicate", r"r8_[A-Za-z0-9]{37}"),
    ("rubygems", r"rubygems_[a-f0-9]{48}"),
    ("scalingo", r"tk-us-[\w-]{48}"),
    ("sendgrid", r"SG\.[A-Za-z0-9=_.-]{66}"),
    ("brevo", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("sentry", r"sntry(?:s_eyJ[A-Za-z0-9+/=]{40,}_[A-Za-z0-9+/_-]{40,50}|u_[a-f0-9]{64})"),
    ("settlemint", r"sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}"),
    ("shippo", r"shippo_(?:live|test)_[a-fA-F0-9]{40}"),
    ("shopify", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("slack-app", r"(?i:xapp)-\d-[A-Za-z0-9]{8,14}-\d{10,15}-[a-z0-9]{20,70}"),
    ("slack-bot", r"xoxb-\d{8,14}-(?:\d{8,14}[\w-]{0,60}|[A-Za-z0-9]{18,26})"),
    ("slack-user", r"xox[pe](?:-\d{10,13}){3}-[A-Za-z0-9-]{28,34}"),
    ("slack-legacy", r"xox[os](?:-\d{5,14}){2,3}-[a-fA-F0-9]{8,64}"),
    ("slack-workspace", r"xox[ar]-(?:\d-)?\d{8,14}-[A-Za-z0-9-]{8,60}"),
    ("slack-config", r"xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{120,180}"),
    ("sonar", r"sq[upa]_[a-z0-9A-Z]{40}"),
    ("sourcegraph", r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    ("square", r"(?:EAAA|sq0atp-|sq0csp-)[\w-]{22,60}"),
    ("stripe", r"(?:sk|rk)_(?:test|live|prod)_[A-Za-z0-9]{10,99}"),
    ("stripe-webhook", r"whsec_[A-Za-z0-9+/]{32,64}"),
    ("supabase", r"sb[p_](?:[a-f0-9]{40}|secret_[\w-]{31})"),
    ("tailscale", r"tskey-(?:api|auth|client)-[A-Za-z0-9]{12,}-[A-Za-z0-9]{24,}"),
    ("telegram-bot", r"\d{8,10}:AA[\w-]{33}"),
    ("together", r"tgp_v1_[\w-]{43}"),
    ("travis-sauce", r"tvly-(?:dev-)?[A-Za-z0-9]{32}"),
    ("twilio", r"SK[0-9a-fA-F]{32}"),
    ("twitter-bearer", r"A{22}[A-Za-z0-9%]{80,100}"),
    ("typeform", r"tfp_[A-Za-z0-9_.=-]{59}"),
    ("vault-token", r"(?:hvs|hvb)\.[\w-]{90,300}"),
    ("vercel", r"vc[pikr]_[A-Za-z0-9]{50,60}"),
    ("wechat-app", r"wx[a-f0-9]{16}"),
    ("xai", r"xai-[A-Za-z0-9]{80}"),
    ("yandex", r"(?:t1\.[A-Z0-9a-z_-]+={0,2}\.[A-Z0-9a-z_-]{86}={0,2}|AQVN[\w-]{35,38}|YC[\w-]{38})"),
    ("age", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("ntlm", r"TlRMTVNTUAAD[A-Za-z0-9+/=]{40,}"),
)  # fmt: skip

_LOOSE: Final = frozenset(
    {"octopus", "deepseek", "artifactory-api-key", "mailchimp", "azure-client-secret",
     "clickhouse-cloud", "vault-token", "twilio", "square", "wechat-app",
     "hugging-face", "harness", "discord-bot", "maxmind",
     "new-relic-license", "beamer", "gocardless", "nuget", "mailgun-signing", "lark"}
)  # fmt: skip
"""Forms that other things have too: these must look random."""
_CERTAIN: Final = frozenset(
    {"age", "twitter-bearer", "slack-bot", "slack-workspace", "bedrock-api-key"}
)
"""Forms that need no look: their own test values are no more random than a placeholder."""


def key_patterns() -> list[Pattern]:
    """All of them."""
    found = [
        Pattern(
            name,
            KIND,
            expression,
            validator=None if name in _CERTAIN else _MOST if name in _LOOSE else _SOME,
            rank=_RANK,
        )
        for name, expression in _FORMS
    ]
    found += [
        Pattern("google-api-key", KIND, r"AIza[\w-]{35}", validator=google_key, rank=_RANK),
        Pattern("okta", KIND, r"00[\w=-]{40}", near="(?i:okta|ssws)", validator=_SOME, rank=_RANK),
        Pattern("vault-legacy", KIND, r"s\.[A-Za-z0-9]{24}", validator=with_digits, rank=_RANK),
    ]
    found.append(
        Pattern("github", KIND, r"gh[pousr]_[A-Za-z0-9]{36}", validator=github_token, rank=_RANK)
    )
    found.append(
        Pattern(
            "slack-webhook",
            KIND,
            r"(?:https?://)?hooks\.slack\.com/(?P<value>(?:services|workflows|triggers)"
            r"/[A-Za-z0-9+/]{40,60})",
            rank=_RANK,
        )
    )
    found.append(
        Pattern(
            "teams-webhook",
            KIND,
            r"https://[a-z0-9]{1,40}\.webhook\.office\.com/webhookb2/(?P<value>[\w@/-]{80,200})",
            hint=r"\.webhook\.office\.com/",
            rank=_RANK,
        )
    )
    found.append(
        Pattern(
            "discord-webhook",
            KIND,
            r"discord(?:app)?\.com/api/webhooks/(?P<value>\d{17,20}/[\w-]{60,70})",
            rank=_RANK,
        )
    )
    return found
