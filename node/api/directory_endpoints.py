"""The operations of people and the directory, one line each."""

from __future__ import annotations

from ledger.errors import PersonUnknown
from node.api import directory, listings, profiles
from node.errors import NotFound, NotPermitted, NotYours, PlaceMissing, RequestInvalid, TooMany
from node.http.endpoint import Endpoint, endpoint

JSON = "application/json"
HTML = "text/html"
CSV = "text/csv"
V1 = "/api/v1"

DIRECTORY_ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/profile",
        profiles.get_profile,
        tags=("people",),
        raises=(NotFound, NotPermitted),
    ),
    endpoint(
        "PUT",
        f"{V1}/people/{{person}}/profile",
        profiles.change_profile,
        tags=("people",),
        raises=(NotPermitted, PersonUnknown),
    ),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/blocks",
        profiles.list_blocks,
        tags=("people",),
        raises=(NotPermitted,),
    ),
    endpoint(
        "PUT",
        f"{V1}/people/{{person}}/blocks/{{other}}",
        profiles.add_block,
        tags=("people",),
        raises=(
            NotPermitted,
            PersonUnknown,
            TooMany,
        ),
    ),
    endpoint(
        "DELETE",
        f"{V1}/people/{{person}}/blocks/{{other}}",
        profiles.drop_block,
        tags=("people",),
        raises=(NotPermitted,),
    ),
    endpoint(
        "GET",
        f"{V1}/vetting-levels",
        profiles.list_vetting_levels,
        tags=("people",),
    ),
    endpoint(
        "PUT",
        f"{V1}/vetting-levels/{{level}}",
        profiles.change_vetting_level,
        tags=("people",),
        raises=(
            NotPermitted,
            TooMany,
        ),
    ),
    endpoint(
        "DELETE",
        f"{V1}/vetting-levels/{{level}}",
        profiles.drop_vetting_level,
        tags=("people",),
        raises=(NotPermitted,),
    ),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/vetting",
        profiles.list_vetting,
        tags=("people",),
        raises=(NotYours,),
    ),
    endpoint(
        "PUT",
        f"{V1}/people/{{person}}/vetting/{{level}}",
        profiles.change_vetting,
        tags=("people",),
        raises=(
            NotPermitted,
            PersonUnknown,
            NotFound,
        ),
    ),
    endpoint(
        "DELETE",
        f"{V1}/people/{{person}}/vetting/{{level}}",
        profiles.end_vetting,
        tags=("people",),
        raises=(NotPermitted,),
    ),
    endpoint(
        "GET",
        f"{V1}/categories",
        directory.list_categories,
        tags=("directory",),
    ),
    endpoint(
        "PUT",
        f"{V1}/categories/{{category}}",
        directory.change_category,
        tags=("directory",),
        raises=(
            NotPermitted,
            TooMany,
        ),
    ),
    endpoint(
        "DELETE",
        f"{V1}/categories/{{category}}",
        directory.remove_category,
        tags=("directory",),
        raises=(
            NotPermitted,
            RequestInvalid,
        ),
    ),
    endpoint(
        "GET",
        f"{V1}/listings",
        listings.find_listings,
        tags=("directory",),
        produces={JSON: listings.Listings, CSV: str},
        raises=(
            PlaceMissing,
            RequestInvalid,
            NotPermitted,
        ),
    ),
    endpoint(
        "POST",
        f"{V1}/listings",
        listings.make_listing,
        tags=("directory",),
        raises=(
            NotPermitted,
            PersonUnknown,
            TooMany,
            RequestInvalid,
        ),
    ),
    endpoint(
        "GET",
        f"{V1}/listings/{{listing}}",
        listings.get_listing,
        tags=("directory",),
        raises=(NotFound, NotPermitted),
    ),
    endpoint(
        "PUT",
        f"{V1}/listings/{{listing}}",
        listings.edit_listing,
        tags=("directory",),
        raises=(
            NotFound,
            NotPermitted,
            RequestInvalid,
        ),
    ),
    endpoint(
        "DELETE",
        f"{V1}/listings/{{listing}}",
        listings.drop_listing,
        tags=("directory",),
        raises=(NotFound,),
    ),
    endpoint(
        "POST",
        f"{V1}/listings/{{listing}}/renewal",
        listings.extend_listing,
        tags=("directory",),
        raises=(
            NotFound,
            NotPermitted,
        ),
    ),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/listings",
        listings.list_own_listings,
        tags=("directory",),
        raises=(NotYours,),
    ),
    endpoint(
        "GET",
        f"{V1}/directory",
        directory.print_directory,
        tags=("directory",),
        produces={HTML: str},
        raises=(NotPermitted,),
    ),
)
